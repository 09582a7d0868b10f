// SPDX-License-Identifier: Apache-2.0
/// A cube's control plane between the daemon and what the service's author wrote.
/// Invariants: one function of a cube's control plane runs at a time. What a function throws becomes an Error, or a line of
/// the log where nobody waits for a Result.
/// Threading: ControlPlane is used under the controller's lock: state() by readers beside each other, everything else by one.
/// What it calls runs on the caller's thread or the slow path's, which waits for no cube whose function runs elsewhere.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "service/control_source.h"
#include "service/cube_host.h"

namespace polycube::service {

class ControlPlane {
 public:
  /// Makes the control plane of a cube that is being created. It gets no packets before start().
  [[nodiscard]] static Result<std::unique_ptr<ControlPlane>> create(ControlSource& source, const std::string& cube,
                                                                    const std::string& uuid,
                                                                    const engine::Package& package,
                                                                    engine::SlowPath& slow_path);
  ~ControlPlane();

  /// As control::Cube. Errors: its own; system when it throws. What a commit() that fails did to programs is taken back, and
  /// nothing that others did meanwhile; one that succeeds returns it.
  [[nodiscard]] Result<> prepare(const control::Changes& changes);
  [[nodiscard]] Result<engine::ProgramChanges> commit(const control::Changes& changes);
  void take_back(const engine::ProgramChanges& changes) { host_->take_back(changes); }
  /// The cube's programs, and what makes them so again.
  [[nodiscard]] std::optional<engine::Cube::Snapshot> programs() const { return host_->programs(); }
  void put_back(const std::optional<engine::Cube::Snapshot>& programs) { host_->put_back(programs); }
  /// Of a cube that runs, for a control plane to which all is new.
  void inherit_programs() { host_->inherit_programs(); }
  void drop_inherited_programs() { host_->drop_inherited_programs(); }
  [[nodiscard]] Result<control::Leaves> action(const std::string& path, const std::vector<std::string>& keys,
                                               const control::Leaves& input);
  [[nodiscard]] Result<control::Rows> state(const std::string& node);
  /// Packets that it was given.
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
  /// It takes the place of another.
  void count_on(const ControlPlane& before) { delivered_ += before.delivered(); }

  /// Ports and log level from now on, without telling the cube. Returns those before.
  CubeView show(CubeView view);
  /// The same from what runs, and tells the cube of links and peers that are different. `devices_differ`: they may be others
  /// than the last time.
  void follow(const Surroundings& now, bool devices_differ);

  /// Gives it the tables of its cube and the way out of its ports.
  void join(engine::Engine& engine);
  /// Gets ready to deliver packets and records if the cube's fast path sends any; they wait for start(). Errors: system.
  [[nodiscard]] Result<> subscribe(engine::Engine& engine);
  /// Begins to deliver timers, and what it has subscribed to.
  void start(engine::Engine& engine);
  /// Delivers and sends no more, nor gives access to tables, until start(); returns when the cube's function that is running
  /// has ended.
  void pause();
  /// The same for good: there is nothing to wait for any more.
  void stop();

 private:
  ControlPlane(std::string cube, std::string uuid, const engine::Package& package, engine::SlowPath& slow_path);
  template <typename Function>
  auto call(const char* what, const Function& function) -> decltype(function());
  void notify(const char* what, const std::function<void()>& function);
  void deliver(const engine::PacketIn& in);
  void deliver(const std::string& ring, std::span<const std::byte> record);
  [[nodiscard]] std::unique_lock<std::recursive_mutex> gate() const;
  void tell();

  std::shared_ptr<Turn> turn_;
  std::unique_ptr<CubeHost> host_;
  std::unique_ptr<control::Cube> cube_;
  const Paced* paced_ = nullptr;  ///< the cube, if it is that
  std::atomic<std::uint64_t> delivered_ = 0;
  topology::Cube described_;  ///< that of the last follow()
  topology::CubeWires wires_;
  std::map<std::string, control::Port> told_;  ///< ports as the cube was told last
  std::vector<engine::SlowPath::Subscription> records_;
  engine::SlowPath::Subscription packets_;  // both first to go
};

}  // namespace polycube::service
