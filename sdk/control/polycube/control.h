// SPDX-License-Identifier: Apache-2.0
/// What the author of a control plane writes against: the configuration, state, actions, timers and slow path of a cube.
/// Why: a service whose behaviour is "table lookup and action" needs none of this; one that computes, answers, holds or
/// makes packets does it here. Everything is flat text, numbers and bytes, so that a control plane can live in another
/// process.
/// Invariants: the framework calls one function of a cube at a time, so a cube needs no locks of its own. A cube gets its
/// first packet, timer and link after the first commit(). An exception becomes an error of the request, or a line of the log
/// where there is none.
/// Beginning anew: while a cube runs its control plane may begin anew, because the daemon was restarted, or the process
/// of a remote service. Packets are forwarded all the time, by the tables as they are. The control plane is made, and
/// its first commit() called, as for a new cube, with everything as created; but in that commit() tables hold what the
/// one before wrote and what the fast path learned, where those of a new cube are empty. (In the constructor they
/// cannot be read.) So go on from what is there, and write what is different: who clears a table to fill it again loses
/// the packets in between. Nothing is said of what the configuration has no more, which may be older than the tables:
/// remove it. What must be the same as before follows from the configuration or from Host::uuid(), or is in a table.
/// What peers were told is not to be told otherwise: who does not know yet, waits until it does. Of programs there is
/// the package's master; slaves that go on running are those that commit() adds again.
/// Threading: Host may be used from every thread, also from a cube's own. A function of a cube must not wait for another
/// request to the daemon, which waits for it. In the daemon, packets, records and timers of all cubes have one thread:
/// a function that takes long there (add_program() of C source can take 10 s) holds up those of others, while a long one in
/// a request holds up only its own cube's.
/// Units: packets are whole Ethernet frames, in network byte order, without the frame check sequence.
/// Source: A Framework for eBPF-Based Network Functions in an Era of Microservices, IV and Table I. @file
#pragma once

#include <polycube/change.h>
#include <polycube/program.h>
#include <polycube/raw_table.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace polycube::control {

/// What a fast path sent with pcn_pkt_controller() or pcn_pkt_controller_md().
struct PacketIn {
  std::string_view port;         ///< name; of a transparent cube "ingress" or "egress"; valid during the call
  std::uint16_t port_index = 0;  ///< as md->in_port in the fast path
  Direction direction = Direction::ingress;  ///< egress: by handle_tx, on its way out of the port
  std::uint16_t reason = 0;                  ///< the fast path's
  std::uint32_t traffic_class = 0;           ///< what the packet carried along
  std::array<std::uint32_t, 3> metadata{};   ///< the fast path's; zero without _md
  std::span<const std::byte> packet;         ///< valid during the call
  std::uint32_t packet_length = 0;           ///< on the wire: more than packet.size() when it exceeded 65,504 bytes
};

/// The levels of the model's leaf loglevel.
enum class LogLevel { trace, debug, info, warn, err, critical };

/// A network device of this machine.
struct Device {
  std::string mac;                     ///< "02:00:00:00:00:01"
  std::uint32_t mtu = 0;               ///< bytes
  std::vector<std::string> addresses;  ///< IPv4 and IPv6, with their prefix lengths: "10.0.0.1/24"
  bool operator==(const Device&) const = default;
};

struct Port {
  std::string name;
  std::uint16_t index = 0;       ///< in the fast path
  bool up = false;               ///< joined to a working peer: the model's leaf status
  std::string peer;              ///< device or "cube:port"; empty without a peer
  std::optional<Device> device;  ///< the peer, while it is a device of this machine
  /// Of a transparent cube, whose peer is its parent: when that is a port, its leaves in the model of its cube ("ip":
  /// "10.0.0.1/24", "peer": "eth0"), and `device` is the device that it leads to.
  Leaves parent;
  bool operator==(const Port&) const = default;
};

/// Something that ends when it is destroyed.
class Handle {
 public:
  virtual ~Handle() = default;
};

/// A timer: once it is destroyed, also by its own function, that is not called again. Destroying it waits for a function of
/// the cube that is running on another thread. Must not outlive the cube.
using Timer = std::unique_ptr<Handle>;

/// What the framework offers to one cube. Valid as long as the cube.
class Host {
 public:
  virtual ~Host() = default;

  /// Name of the cube.
  [[nodiscard]] virtual const std::string& name() const = 0;
  /// The cube's UUID, which it keeps as long as it lives: also when the daemon or the control plane's process begins anew.
  [[nodiscard]] virtual const std::string& uuid() const = 0;

  /// The cube's ports, by name. What commit() brings is among them while it runs, and not before.
  [[nodiscard]] virtual std::vector<Port> ports() const = 0;
  /// One of them. Errors: data_missing.
  [[nodiscard]] virtual Result<Port> port(std::string_view name) const = 0;

  /// Sends a packet, received or made from nothing. Of a cube with ports: egress sends it out of the port, behind
  /// handle_tx; ingress handles it as if it had been received on the port. Of a transparent cube `port_index` is that of
  /// "ingress" or "egress" (PacketIn::port_index): egress lets it go on in that direction, ingress handles it anew, by
  /// handle_rx or handle_tx. (Behind generic XDP the host cannot be reached: counted as no-way-to-host.) What leads nowhere
  /// is counted as dropped by the fast path. Errors: invalid_value (shorter than an Ethernet header, longer than 65,535
  /// bytes), operation_not_supported (before the first commit(), or without a slow path that sends), system.
  [[nodiscard]] virtual Result<> send_packet_out(std::uint16_t port_index, std::span<const std::byte> packet,
                                                 Direction direction, std::uint32_t traffic_class) = 0;
  [[nodiscard]] Result<> send_packet_out(std::uint16_t port_index, std::span<const std::byte> packet) {
    return send_packet_out(port_index, packet, Direction::egress, 0);
  }

  /// A table of one of the cube's programs, or one that all of the cube share (then of the master, too); see table.h for
  /// typed ones. Of slaves, and of a master that was reloaded, only while the cube runs. Errors: data_missing.
  [[nodiscard]] virtual Result<std::unique_ptr<RawTable>> open_table(std::string_view name, const Program& program) = 0;
  [[nodiscard]] Result<std::unique_ptr<RawTable>> open_table(std::string_view name) { return open_table(name, {}); }

  /// Where the cube runs. Errors: operation_not_supported (before the first commit()).
  [[nodiscard]] virtual Result<Hook> hook() const = 0;

  /// Adds a slave, with this index or the lowest that is free; returns the index. From the first commit() on, in any
  /// function, also in commit(): what the thread of a commit() that fails did to programs is taken back; when something else
  /// fails later, the commit() with the reverse takes it back. Packets meet the programs before or those after. C source is
  /// compiled in a sandbox without network and files, which takes some tenths of a second, on the machine of the control
  /// plane; it needs clang there. Errors: verifier_rejected with the log; invalid_value (does not compile: `detail` has what
  /// the compiler says; is damaged; is no slave; a table is not what those that share it have), data_exists, limit_exceeded,
  /// data_missing (no such program in the package), operation_not_supported (the master does not call programs, or has no
  /// slow path and the slave does), unsupported_feature (no compiler).
  [[nodiscard]] virtual Result<std::uint16_t> add_program(const Code& code, Direction direction,
                                                          std::optional<std::uint16_t> index) = 0;
  [[nodiscard]] Result<std::uint16_t> add_program(const Code& code, Direction direction = Direction::ingress) {
    return add_program(code, direction, std::nullopt);
  }
  /// Puts other code into the place of a program, by default of the master of this cube, which keeps the tables that the model
  /// is bound to. Tables that are declared as before stay, with what is in them. Errors: as add_program(); data_missing.
  [[nodiscard]] virtual Result<> reload_program(const Code& code, const Program& program) = 0;
  [[nodiscard]] Result<> reload_program(const Code& code) { return reload_program(code, {}); }
  /// Removes a slave and the tables that nobody else uses; calls of it return from now on. Errors: data_missing,
  /// operation_not_supported (the master).
  [[nodiscard]] virtual Result<> remove_program(const Program& program) = 0;

  /// Calls `function` each `interval`, at least 1 ms, from the first commit() on; calls that are missed because the slow
  /// path was busy are not made up for.
  [[nodiscard]] virtual Timer every(std::chrono::milliseconds interval, std::function<void()> function) = 0;
  /// Calls `function` once after `delay`, not before the first commit().
  [[nodiscard]] virtual Timer after(std::chrono::milliseconds delay, std::function<void()> function) = 0;

  /// Writes into the daemon's log, with the cube's name, unless its loglevel is above `level`; 100 lines a second, no more.
  virtual void log(LogLevel level, std::string_view text) = 0;
};

/// The control plane of one cube. The path of an Error is empty or that of the node at fault below the cube, as in
/// RESTCONF: "ports=p1/access".
class Cube {
 public:
  virtual ~Cube() = default;

  /// A packet from the fast path.
  virtual void packet_in(const PacketIn&) {}

  /// A record of one of the ring buffers that the master declares (PCN_RING), in their order; valid during the call. Slaves
  /// may use those that are PCN_SHARED. See record_as() in table.h. What finds no room in the ring because the control plane
  /// does not keep up is the fast path's loss, which its bpf_ringbuf_output() is told.
  virtual void record(std::string_view ring, std::span<const std::byte> bytes) { (void)ring, (void)bytes; }

  /// Whether the cube can become so: `changes` is what a request does to its valid configuration. An error refuses the
  /// request, with this code and message. Has no effects: another cube may still refuse.
  [[nodiscard]] virtual Result<> prepare(const Changes&) { return {}; }

  /// Carries out what was prepared, when the tables that the model binds are written and the programs run. Of a new cube
  /// everything comes as created. After an error, what this call did must be undone by itself; the request is then taken
  /// back as a whole. When something else fails later, tables, programs and ports are put back, and then commit() is called
  /// with the reverse. A cube that is deleted is destroyed instead.
  [[nodiscard]] virtual Result<> commit(const Changes&) { return {}; }

  /// Invokes an action of the model, unless an extension says what it does. `path` is that of a node, "fdb/flush", `keys`
  /// those of the lists in it. Leaves inside of containers have their path for a name, lists and leaf-lists among them a
  /// number from 0 on for each entry: "rule/0/port". Returns the output's leaves.
  [[nodiscard]] virtual Result<Leaves> action(const std::string& path, const std::vector<std::string>& keys,
                                              const Leaves& input) {
    (void)keys, (void)input;
    return fail(ErrorCode::operation_not_supported, "action {} is not available", path);
  }

  /// State of a node that the model marks with pcn:state; called for each reply that shows it. Rows of a marked list whose
  /// entry is not configured are shown as entries; those of other nodes count only where their parent exists.
  [[nodiscard]] virtual Result<Rows> state(const std::string& node) {
    (void)node;
    return Rows{};
  }

  /// A port's link came up or went down. Also called at the beginning for ports that are up.
  virtual void link(std::string_view port, bool up) { (void)port, (void)up; }

  /// A port has another peer, or a peer that is a device came, went, or got another MAC address, MTU or IP address; of a
  /// transparent cube also: its parent's leaves are others. Not called for a new port, which commit() tells of.
  virtual void peer_changed(std::string_view port) { (void)port; }
};

/// What a package's NAME.so offers.
struct Service {
  std::uint32_t version = 0;  ///< of this interface: interface_version
  /// A new cube's control plane. `host` outlives it.
  Result<std::unique_ptr<Cube>> (*create)(Host& host) = nullptr;
};

inline constexpr std::uint32_t interface_version = 4;

}  // namespace polycube::control

/// Makes `type`, a control::Cube that is constructed from a control::Host&, the control plane of the package's cubes.
/// An Error that the constructor meets gets out by `.value()`.
#define POLYCUBE_SERVICE(type)                                                                            \
  extern "C" __attribute__((visibility("default"))) const polycube::control::Service polycube_service = { \
      polycube::control::interface_version,                                                               \
      [](polycube::control::Host& host) -> polycube::Result<std::unique_ptr<polycube::control::Cube>> {   \
        return std::make_unique<type>(host);                                                              \
      }}
