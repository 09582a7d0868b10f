// SPDX-License-Identifier: Apache-2.0
/// The host's network devices, kept current by rtnetlink.
/// Why: ports follow devices that appear, disappear, are renamed, go up and down.
/// Threading: current() from any thread; the callback runs on the monitor's own thread, after current() shows the
/// change, and never while a lock of the monitor is held.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "topology/topology.h"

namespace polycube::engine {

class DeviceMonitor {
 public:
  /// Reads all links and addresses of the network namespace that the calling thread is in and begins to listen.
  /// `on_change` is called once for a burst of changes. After a lost notification (ENOBUFS) everything is read anew.
  /// `receive_buffer`: bytes for notifications that wait. `on_change` must not destroy the monitor.
  [[nodiscard]] static Result<std::unique_ptr<DeviceMonitor>> start(std::function<void()> on_change,
                                                                    int receive_buffer = 1 << 20);
  ~DeviceMonitor();  ///< ends the thread

  [[nodiscard]] topology::Devices current() const;

  /// Reads the devices now, so that a device made a moment ago is seen. Used before a configuration is judged.
  [[nodiscard]] Result<> refresh();

 private:
  struct Impl;
  explicit DeviceMonitor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace polycube::engine
