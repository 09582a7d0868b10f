// SPDX-License-Identifier: Apache-2.0
/// A whole engine in a network namespace of its own, with cubes and devices as a test wants them. @file
/// Why: what is tested is the code that runs in production: engine::Engine applies topologies, programs run in the kernel.
/// Invariants: `wanted` is what the next apply() brings about; after it, or after a refusal, `wanted` equals running().
/// Threading: one thread.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/simulator.h"
#include "harness/network.h"
#include "harness/packet.h"
#include "harness/services.h"

namespace polycube::harness {

using topology::Hook;

/// Leaves of a row by name; absent ones are not set.
using Cells = std::map<std::string, std::string>;

enum class Verdict {
  drop,
  host,      ///< given to the host's stack
  redirect,  ///< sent to a device (or, XDP, to several)
  other,
};
void PrintTo(Verdict verdict, std::ostream* stream);

/// What became of a packet that was sent into a cube.
struct Outcome {
  Verdict verdict = Verdict::other;
  Bytes packet;
  std::vector<std::string> left_by;            ///< ports of the cube that counted it as sent, by name
  std::map<std::string, std::uint64_t> drops;  ///< of the cube, by reason
};

class DataPath {
 public:
  DataPath();
  DataPath(const DataPath&) = delete;
  DataPath& operator=(const DataPath&) = delete;

  /// A veth pair; cubes are wired to `name`, frames are sent and received at the other end (far_end).
  void add_device(const std::string& name);
  void remove_device(const std::string& name);
  /// Another device takes its place: the same name and interface index.
  void replace_device(const std::string& name);
  [[nodiscard]] static std::string far_end(const std::string& device) { return device + "_far"; }

  /// Ports with their peers: "", a device or "cube:port".
  using Ports = std::vector<std::pair<std::string, std::string>>;
  void add_cube(const std::string& name, const Service& service, Hook hook, const Ports& ports);
  void set_peer(const std::string& cube, const std::string& port, const std::string& peer);
  /// Joins two ports of cubes.
  void join(const std::string& cube, const std::string& port, const std::string& other, const std::string& other_port);

  /// Rows that the next apply() writes or removes, by the model's binding.
  void write(const std::string& cube, const std::string& table, const Cells& cells);
  void remove(const std::string& cube, const std::string& table, const Cells& cells);

  /// What the next apply() does besides, from within the engine's transaction.
  std::function<Result<>(engine::Undo&)> control;

  topology::Topology wanted;
  [[nodiscard]] const topology::Topology& running() const { return running_; }
  [[nodiscard]] Result<> apply();
  /// Packets are followed, or no longer.
  [[nodiscard]] Result<> trace(bool on);

  /// A twin of what packets at this device can come to.
  [[nodiscard]] Result<engine::Simulator> simulator(const std::string& device) const;

  [[nodiscard]] engine::Engine& engine() const { return *engine_; }
  [[nodiscard]] const engine::Cube& cube(const std::string& name) const;
  [[nodiscard]] std::uint16_t index(const std::string& cube, const std::string& port) const;
  /// Counters since the ports were created.
  [[nodiscard]] engine::CubeStatistics statistics(const std::string& cube) const;
  [[nodiscard]] engine::PortStatistics statistics(const std::string& cube, const std::string& port) const;
  /// Rows of the table, as the model shows them.
  [[nodiscard]] std::vector<model::Row> rows(const std::string& cube, const std::string& table) const;
  /// Any map of the cube's program, bound or not.
  [[nodiscard]] bpf::Map map(const std::string& cube, const std::string& name) const;
  /// Element of a map, by raw key.
  template <typename Value, typename Key>
  [[nodiscard]] std::optional<Value> element(const std::string& cube, const std::string& table, const Key& key) const;
  template <typename Value, typename Key>
  void set_element(const std::string& cube, const std::string& table, const Key& key, const Value& value) const;

  /// Runs the cube's program once on a packet that comes in on the port. `in_port` may be any index.
  [[nodiscard]] Outcome send(const std::string& cube, std::uint16_t in_port, const Bytes& packet,
                             std::uint32_t traffic_class = 0) const;
  [[nodiscard]] Outcome send(const std::string& cube, const std::string& port, const Bytes& packet,
                             std::uint32_t traffic_class = 0) const {
    return send(cube, index(cube, port), packet, traffic_class);
  }
  /// Runs the program of its way out (handle_tx) once, on a packet that leaves by the port; of a transparent cube the port
  /// is topology::transparent_port(Direction::egress).
  [[nodiscard]] Outcome send_out(const std::string& cube, std::uint16_t port, const Bytes& packet,
                                 std::uint32_t traffic_class = 0) const;

 private:
  [[nodiscard]] const model::TableBinding& binding(const std::string& cube, const std::string& table,
                                                   const Cells& cells) const;
  [[nodiscard]] Outcome run(const std::string& cube, const bpf::Program& program, std::uint16_t port,
                            const Bytes& packet, std::uint32_t traffic_class) const;
  [[nodiscard]] model::RowChanges& changes(const std::string& cube, const model::TableBinding& binding);

  NetworkNamespace network_;
  topology::Devices devices_;
  std::map<std::string, const Service*> services_;
  topology::Topology running_;
  std::map<std::string, std::vector<engine::TableChange>> tables_;
  std::unique_ptr<engine::Engine> engine_;
};

/// The object of the engine's root program.
[[nodiscard]] std::filesystem::path root_object(engine::Family family);

/// Name and parameter of a test case that runs on several hooks.
[[nodiscard]] std::string hook_name(const testing::TestParamInfo<Hook>& info);

template <typename Value, typename Key>
std::optional<Value> DataPath::element(const std::string& cube, const std::string& table, const Key& key) const {
  auto bytes = map(cube, table).lookup(std::as_bytes(std::span(&key, 1)));
  if (!bytes || bytes->size() != sizeof(Value)) return std::nullopt;
  Value value;
  std::copy(bytes->begin(), bytes->end(), reinterpret_cast<std::byte*>(&value));
  return value;
}

template <typename Value, typename Key>
void DataPath::set_element(const std::string& cube, const std::string& table, const Key& key,
                           const Value& value) const {
  auto done = map(cube, table).update(std::as_bytes(std::span(&key, 1)), std::as_bytes(std::span(&value, 1)));
  if (!done) throw std::runtime_error(done.error().message);
}

}  // namespace polycube::harness
