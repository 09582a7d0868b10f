// SPDX-License-Identifier: Apache-2.0
/// Control planes of cubes that run in the daemon: a shared library in the service's package.
/// Invariants: one function of a cube's control plane runs at a time. A library stays loaded: objects of its classes may
/// outlive the last cube.
/// Threading: ControlPlane is used under the controller's lock; what it calls runs on the slow path's thread or its own.
#pragma once

#include <polycube/control.h>

#include <filesystem>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "topology/topology.h"

namespace polycube::service {

/// Loads NAME.so. Only what belongs to root and nobody else may write is loaded. Errors: access_denied, invalid_value
/// (no library, or of another interface), naming the file.
[[nodiscard]] Result<const control::Service*> load_control(const std::filesystem::path& library);

class ControlPlane {
 public:
  /// Makes the control plane of a cube that is being created. It gets no packets before start().
  [[nodiscard]] static Result<std::unique_ptr<ControlPlane>> create(const control::Service& service,
                                                                    const std::string& cube);
  ~ControlPlane();

  /// Its ports and log level, from now on.
  void update(const topology::Cube& cube);

  /// Begins to deliver packets, if the cube's fast path sends any. Errors: system.
  [[nodiscard]] Result<> start(engine::Engine& engine);
  /// Delivers and sends no more; returns when the cube's function that is running has ended.
  void stop();

 private:
  class HostOfCube;
  ControlPlane();
  void deliver(const engine::PacketIn& in);

  std::unique_ptr<HostOfCube> host_;
  std::mutex running_;  ///< one function of the cube at a time
  std::unique_ptr<control::Cube> cube_;
  engine::SlowPath::Subscription subscription_;  // first to go
};

}  // namespace polycube::service
