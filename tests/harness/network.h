// SPDX-License-Identifier: Apache-2.0
/// A network namespace for one test, and what is in it. @file
/// Why: devices of a test must not meet those of the machine or of another test, and must vanish with it.
/// Invariants: while a NetworkNamespace lives, the thread that made it is inside; threads it starts are as well.
/// Threading: one thread.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "bpf/map.h"

namespace polycube::harness {

using bpf::Bytes;

class NetworkNamespace {
 public:
  /// Enters a new namespace, its `lo` up, IPv6 off so that nothing is sent that the test does not send.
  NetworkNamespace();
  ~NetworkNamespace();  ///< returns to where the thread was
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  /// A veth pair, both ends up, with generic receive offload on both: only then does an end take frames of native XDP.
  /// `index`: of the first end, 0 for any.
  void add_veth(const std::string& name, const std::string& far_name, int index = 0) const;
  void remove_device(const std::string& name) const;

 private:
  Fd previous_;
};

/// What arrives at a device from its other end, and a way to send there.
class FrameSocket {
 public:
  explicit FrameSocket(const std::string& device);

  void send(const Bytes& frame) const;
  /// The next frame, with its VLAN tags; waits for it at most some seconds and then throws, so only for frames that must
  /// come.
  [[nodiscard]] Bytes receive() const;
  /// So many frames that must come, of at most 256 bytes and without VLAN tags: the fast way for many.
  [[nodiscard]] std::vector<Bytes> receive(std::size_t count) const;
  /// Frames that have already arrived.
  [[nodiscard]] std::vector<Bytes> pending() const;

 private:
  [[nodiscard]] bool wait(int milliseconds) const;
  [[nodiscard]] Bytes take() const;
  std::string device_;
  Fd socket_;
};

}  // namespace polycube::harness
