// SPDX-License-Identifier: Apache-2.0
// A control plane that does what tests tell it.
#include <arpa/inet.h>
#include <polycube/control.h>
#include <polycube/table.h>

#include <set>
#include <stdexcept>
#include <thread>

#include "abi.h"

namespace {

using namespace polycube;
using control::Leaves;

struct wide {
  __u64 number;
};
struct other {
  __u32 number;
};

std::uint32_t number_in(const Leaves& leaves, const std::string& name) {
  const auto found = leaves.find(name);
  return found == leaves.end() ? 0 : static_cast<std::uint32_t>(std::stoul(found->second));
}

// "entry a 1>2": what a change does, with the leaf `number` of entries.
std::string describe(const control::Change& change) {
  const auto side = [](const std::optional<Leaves>& leaves) {
    if (!leaves) return std::string("-");
    const auto number = leaves->find("number");
    return number == leaves->end() ? std::string("+") : number->second;
  };
  std::string text = change.node.empty() ? "cube" : change.node;
  for (const std::string& key : change.keys) text += ' ' + key;
  return fmt::format("{} {}>{}", text, side(change.before), side(change.after));
}

class Sample : public control::Cube {
 public:
  explicit Sample(control::Host& host)
      : host_(host),
        settings_(control::Table<__u32, settings>::open(host, "settings").value()),
        array_(control::Table<__u32, number>::open(host, "array").value()),
        hash_(control::Table<id, number>::open(host, "hash").value()),
        lru_(control::Table<id, number>::open(host, "lru").value()),
        lpm_(control::Table<prefix, number>::open(host, "lpm").value()),
        percpu_(control::PerCpuTable<id, number>::open(host, "percpu").value()),
        queue_(control::Queue<number>::open(host, "queue").value()),
        stack_(control::Queue<number>::open(host, "stack").value()),
        bloom_(control::Bloom<number>::open(host, "bloom").value()) {
    if (host.name() == "throws") throw std::runtime_error("no such name");
    if (host.name() == "fails") (void)control::Table<id, number>::open(host, "missing").value();
  }

  Result<> prepare(const control::Changes& changes) override {
    may_throw("prepare");
    for (const auto& change : changes) {
      if (change.node.empty() && change.after && change.after->contains("refused"))
        return tl::unexpected<Error>(Error{ErrorCode::in_use, change.after->at("refused"), "refused", {}});
      if (change.node == "entry" && change.after && change.after->at("number") == "13")
        return fail(ErrorCode::invalid_value, "13 is no number");
    }
    return {};
  }

  Result<> commit(const control::Changes& changes) override {
    may_throw("commit");
    for (const auto& change : changes)
      if (change.node.empty() && change.after && change.after->contains("failing"))
        return fail(ErrorCode::in_use, "{}", change.after->at("failing"));
    for (const auto& change : changes) {
      if (change.node == "throws") {
        if (change.after) throws_.insert(change.keys.at(0));
        if (!change.after) throws_.erase(change.keys.at(0));
        continue;
      }
      history_.push_back(fmt::format("{} {}", history_.size(), describe(change)));
      // The port is there already, and the bound table is written.
      if (change.node == "ports" && change.after && !host_.port(change.keys.at(0)))
        return fail(ErrorCode::system, "port {} is not there yet", change.keys.at(0));
      if (change.node.empty() && change.after)
        if (const auto now = settings_.get(0);
            !now || !*now || std::to_string((*now)->level) != change.after->at("level"))
          return fail(ErrorCode::system, "the table does not have the level yet");
    }
    return {};
  }

  Result<Leaves> action(const std::string& path, const std::vector<std::string>& keys, const Leaves& input) override {
    may_throw("action");
    if (path == "pace") {
      pace_ = std::chrono::milliseconds(number_in(input, "busy"));
      return Leaves{};
    }
    if (path == "plus") return Leaves{{"sum", std::to_string(number_in(input, "a") + number_in(input, "b"))}};
    if (path == "report") {
      reported_[input.at("name")] = number_in(input, "seen");
      return Leaves{};
    }
    if (path == "timer") return start_timer(input);
    if (path == "once") {
      timer_ = host_.after(std::chrono::milliseconds(number_in(input, "delay")), [this] { tick(); });
      return Leaves{};
    }
    if (path == "table") return use_table(input);
    if (path == "open") return open(input.at("name"), input.at("as"));
    if (path == "send") return send(input.at("port"), number_in(input, "length"));
    if (path == "stored") {
      PCN_ASSIGN(const auto now, settings_.get(0));
      return Leaves{{"level", std::to_string(now.value().level)}};
    }
    return Cube::action(path, keys, input);
  }

  Result<control::Rows> state(const std::string& node) override {
    may_throw("state");
    control::Rows rows;
    if (node == "ports") {
      for (const control::Port& port : host_.ports()) {
        const Seen& seen = seen_[port.name];
        Leaves leaves{{"up", seen.up ? "true" : "false"},
                      {"links", std::to_string(seen.links)},
                      {"peer-changes", std::to_string(seen.peers)}};
        if (port.device) {
          leaves["mac"] = port.device->mac;
          leaves["mtu"] = std::to_string(port.device->mtu);
          leaves["addresses"] = fmt::format("{}", fmt::join(port.device->addresses, " "));
        }
        rows.push_back({{port.name}, leaves});
      }
    } else if (node == "entry") {
      for (const auto& [name, seen] : reported_)
        rows.push_back({{name}, {{"seen", std::to_string(seen)}, {"number", "3"}}});
    } else if (node == "history") {
      for (const std::string& line : history_) rows.push_back({{line}, {}});
    } else if (node.empty()) {
      rows.push_back({{},
                      {{"ticks", std::to_string(ticks_)},
                       {"packets", std::to_string(packets_)},
                       {"events", fmt::format("{}", fmt::join(events_, " "))}}});
    }
    return rows;
  }

  void link(std::string_view port, bool up) override {
    Seen& seen = seen_[std::string(port)];
    seen.up = up;
    seen.links++;
    may_throw("link");
  }

  void peer_changed(std::string_view port) override { seen_[std::string(port)].peers++; }

  void packet_in(const control::PacketIn&) override {
    std::this_thread::sleep_for(pace_);
    packets_++;
    may_throw("packet");
  }

  void record(std::string_view ring, std::span<const std::byte> bytes) override {
    const auto one = control::record_as<event>(bytes);
    if (ring != "events" || !one || control::record_as<number>(bytes)) throw std::runtime_error("no such record");
    if (events_.size() == 10) events_.erase(events_.begin());
    events_.push_back(fmt::format("{}:{}", one->port, one->length));
    may_throw("record");
  }

 private:
  struct Seen {
    bool up = false;
    unsigned links = 0;
    unsigned peers = 0;
  };

  void may_throw(const std::string& function) const {
    if (throws_.contains(function)) throw std::runtime_error(function + " throws");
  }

  void tick() {
    ticks_++;
    may_throw("timer");
  }

  Result<Leaves> start_timer(const Leaves& input) {
    ticks_ = 0;
    const std::uint32_t times = number_in(input, "times");
    const std::chrono::milliseconds busy(number_in(input, "busy"));
    timer_ = host_.every(std::chrono::milliseconds(number_in(input, "interval")), [this, times, busy] {
      std::this_thread::sleep_for(busy);
      if (ticks_ + 1 == times) timer_.reset();
      tick();
    });
    return Leaves{};
  }

  static Leaves found(const std::optional<number>& value) {
    Leaves leaves{{"found", value ? "true" : "false"}};
    if (value) leaves["value"] = std::to_string(value->number);
    return leaves;
  }

  template <typename Table, typename Key, typename Value>
  static Result<Leaves> use(Table& table, const std::string& operation, const std::vector<Key>& keys,
                            const Value& value) {
    if (operation == "set") {
      PCN_TRY(table.set(keys, std::vector<Value>(keys.size(), value)));
    } else if (operation == "remove") {
      PCN_TRY(table.remove(keys));
    } else if (operation == "clear") {
      PCN_TRY(table.clear());
    } else if (operation == "count") {
      PCN_ASSIGN(const auto all, table.all());
      return Leaves{{"count", std::to_string(all.size())}};
    } else {
      PCN_ASSIGN(const auto got, table.get(keys.at(0)));
      if constexpr (std::is_same_v<Value, number>) return found(got);
      if (!got) return found(std::nullopt);
      std::uint32_t sum = 0;
      if constexpr (!std::is_same_v<Value, number>)
        for (const number& one : *got) sum += one.number;
      return found(number{sum});
    }
    return Leaves{};
  }

  static Result<Leaves> use(control::Queue<number>& queue, const std::string& operation, const number& value) {
    if (operation == "set") {
      PCN_TRY(queue.push(value));
      return Leaves{};
    }
    PCN_ASSIGN(const auto next, operation == "take" ? queue.pop() : queue.peek());
    return found(next);
  }

  Result<Leaves> use_table(const Leaves& input) {
    const std::string& name = input.at("name");
    const std::string& operation = input.at("operation");
    const number value{number_in(input, "value")};
    std::vector<id> keys;
    for (std::size_t i = 0; input.contains(fmt::format("key/{}", i)); i++)
      keys.push_back({number_in(input, fmt::format("key/{}", i))});
    if (name == "array") {
      std::vector<__u32> indexes;
      for (const id& key : keys) indexes.push_back(key.id);
      return use(array_, operation, indexes, value);
    }
    if (name == "lpm") {
      // A number is that of a /8, and looked up as an address in it.
      std::vector<prefix> prefixes;
      for (const id& key : keys)
        prefixes.push_back({operation == "get" ? 32U : 8U, htonl((key.id << 24) + (operation == "get"))});
      return use(lpm_, operation, prefixes, value);
    }
    if (name == "percpu")  // all of it is the first CPU's
      return use(percpu_, operation, keys, std::vector<number>{value});
    if (name == "queue") return use(queue_, operation, value);
    if (name == "stack") return use(stack_, operation, value);
    if (name == "bloom") {
      if (operation == "set") {
        PCN_TRY(bloom_.add(value));
        return Leaves{};
      }
      PCN_ASSIGN(const bool contained, bloom_.contains(value));
      return Leaves{{"found", contained ? "true" : "false"}};
    }
    return use(name == "lru" ? lru_ : hash_, operation, keys, value);
  }

  Result<Leaves> send(const std::string& name, std::size_t length) {
    PCN_ASSIGN(const control::Port port, host_.port(name));
    std::vector<std::byte> frame(std::max<std::size_t>(length, 14));
    std::fill_n(frame.begin(), 6, std::byte{0xff});
    frame[6] = std::byte{0x02};
    frame[12] = std::byte{0x88};
    frame[13] = std::byte{0xb6};
    frame.resize(length);
    PCN_TRY(host_.send_packet_out(port.index, frame));
    return Leaves{};
  }

  Result<Leaves> open(const std::string& name, const std::string& as) {
    if (as == "table") PCN_TRY((control::Table<id, number>::open(host_, name)));
    if (as == "wide") PCN_TRY((control::Table<id, wide>::open(host_, name)));
    if (as == "other") PCN_TRY((control::Table<id, other>::open(host_, name)));
    if (as == "percpu") PCN_TRY((control::PerCpuTable<id, number>::open(host_, name)));
    if (as == "queue") PCN_TRY(control::Queue<number>::open(host_, name));
    if (as == "bloom") PCN_TRY(control::Bloom<number>::open(host_, name));
    return Leaves{};
  }

  control::Host& host_;
  control::Table<__u32, settings> settings_;
  control::Table<__u32, number> array_;
  control::Table<id, number> hash_;
  control::Table<id, number> lru_;
  control::Table<prefix, number> lpm_;
  control::PerCpuTable<id, number> percpu_;
  control::Queue<number> queue_;
  control::Queue<number> stack_;
  control::Bloom<number> bloom_;
  control::Timer timer_;
  std::set<std::string> throws_;
  std::map<std::string, Seen> seen_;
  std::map<std::string, std::uint32_t> reported_;
  std::vector<std::string> history_;
  unsigned ticks_ = 0;
  unsigned packets_ = 0;
  std::vector<std::string> events_;
  std::chrono::milliseconds pace_{0};  ///< of packet_in()
};

}  // namespace

POLYCUBE_SERVICE(Sample);
