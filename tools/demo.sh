#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job, shown: three hosts (network namespaces) behind a chain of two cubes; ping and iperf3 through it; a third
# cube inserted into the running chain and removed again while a ping runs. Leaves nothing behind, also when interrupted.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

bin=$PWD/build/bin
work=$(mktemp -d /tmp/polycube-demo.XXXXXX)
hosts=(pcndemo-a pcndemo-b pcndemo-c)
daemon=
ping=
server=
export POLYCUBECTL_URL="http+unix://$work/polycubed.sock"

cleanup() {
  trap '' INT TERM
  for pid in $ping $server $daemon; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  for host in "${hosts[@]}"; do
    ip netns del "$host" 2>/dev/null || true
    ip link del "${host/-/_}" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
show() {
  printf '\033[2m$ polycubectl %s\033[0m\n' "$*"
  "$bin/polycubectl" "$@" </dev/null
}
apply() { # a YAML list of cubes on standard input, as one transaction
  cat >"$work/change.yaml"
  printf '\033[2m$ polycubectl cubes %s <<EOF\n%s\nEOF\033[0m\n' "$1" "$(cat "$work/change.yaml")"
  "$bin/polycubectl" cubes "$1" <"$work/change.yaml"
}
inside() { ip netns exec "$@"; }

for host in "${hosts[@]}"; do
  if ip netns list | grep -qw "$host" || ip link show "${host/-/_}" >/dev/null 2>&1; then
    echo "demo: $host exists already: is another demo running?" >&2
    trap - EXIT
    rm -rf "$work"
    exit 1
  fi
done

say "three hosts: 10.9.0.1 and 10.9.0.2 on the left, 10.9.0.3 on the right"
number=1
for host in "${hosts[@]}"; do
  ip netns add "$host"
  ip link add "${host/-/_}" type veth peer name eth0 netns "$host"
  ip link set "${host/-/_}" up
  ip -n "$host" addr add "10.9.0.$number/24" dev eth0
  ip -n "$host" link set eth0 up
  ip -n "$host" link set lo up
  number=$((number + 1))
done

say "a daemon of our own"
"$bin/polycubed" --socket "$work/polycubed.sock" --state-dir "$work/state" --clean-on-exit --log-level warn &
daemon=$!
for _ in $(seq 100); do
  [[ -S $work/polycubed.sock ]] && break
  kill -0 "$daemon" 2>/dev/null || exit 1
  sleep 0.05
done
show version

say "a chain of two cubes: a bridge for the left hosts, and a forwarder towards the right one"
apply add <<'YAML'
- service-name: simplebridge
  name: br1
  ports:
    - {name: a, peer: pcndemo_a}
    - {name: b, peer: pcndemo_b}
    - {name: up, peer: "fwd1:left"}
- service-name: simpleforwarder
  name: fwd1
  ports:
    - {name: left, peer: "br1:up"}
    - {name: right, peer: pcndemo_c}
  actions:
    - {inport: left, action: forward, outport: right}
    - {inport: right, action: forward, outport: left}
YAML

say "it forwards"
inside pcndemo-a ping -q -c 3 -i 0.2 10.9.0.3
inside pcndemo-b ping -q -c 3 -i 0.2 10.9.0.3
inside pcndemo-c iperf3 -s -1 >"$work/iperf3.log" 2>&1 &
server=$!
sleep 0.5
inside pcndemo-a iperf3 -c 10.9.0.3 -t 3 -f g | grep -E 'sender|receiver'
wait "$server" || true
server=
show br1 fdb entry show

say "a third cube goes into the running chain, and out again, while a ping runs: 200 packets a second"
inside pcndemo-a ping -q -i 0.005 -c 1000 10.9.0.3 >"$work/ping.log" &
ping=$!
sleep 1
show helloworld add hello1 action=FORWARD
apply set <<'YAML'
- service-name: helloworld
  name: hello1
  ports:
    - {name: left, peer: "fwd1:right"}
    - {name: right, peer: pcndemo_c}
- service-name: simpleforwarder
  name: fwd1
  ports:
    - {name: right, peer: "hello1:left"}
YAML
show topology show
sleep 1
say "... and out again"
apply set <<'YAML'
- service-name: helloworld
  name: hello1
  ports:
    - {name: left, peer: ""}
    - {name: right, peer: ""}
- service-name: simpleforwarder
  name: fwd1
  ports:
    - {name: right, peer: pcndemo_c}
YAML
show hello1 show ports -verbose
show del hello1
wait "$ping" || true
ping=
say "what the ping saw"
cat "$work/ping.log"
grep -q ' 0% packet loss' "$work/ping.log" || { echo "demo: replies were lost" >&2; exit 1; }

say "counters, and the chain as it is now"
show fwd1 ports right show
show topology
say "done: no reply was lost; the demo removes what it made"
