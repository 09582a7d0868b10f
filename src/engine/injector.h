// SPDX-License-Identifier: Apache-2.0
/// The device through which packets enter cubes that do not come from a port: copies of flooded packets, and what slow paths
/// send; one for each family.
/// Why: a program can jump into one cube only, and user space into none; such packets have to come in from a device.
/// Invariants: a veth pair whose receiving end, with the injector program, is in the daemon's network namespace, and
/// whose sending end is in a nameless namespace of its own, so that both vanish with the daemon however it ends; of a daemon
/// whose data path outlives it both are in its namespace, and go when the next one has settled.
/// Threading: send() from any thread; everything else under the engine's lock.
#pragma once

#include <polycube/abi.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "bpf/link.h"
#include "bpf/object.h"
#include "engine/panel.h"

namespace polycube::engine {

class Injector {
 public:
  /// What runs on the receiving end: an object and the panel it jumps into.
  struct Entry {
    const Panel& panel;
    const bpf::ObjectFile& object;
    std::string program;
  };

  /// Creates the pair and attaches the programs: `xdp`, if given, in front of `tc`. Errors: system, as bpf::Link::attach.
  /// `pins`: so that it outlives the daemon; null: it does not.
  [[nodiscard]] static Result<Injector> create(Family family, const Entry& tc, const Entry* xdp, Pins* pins = nullptr);

  /// Removes the device of a daemon before, of which this is an attachment.
  static void remove(const bpf::Link& attached);

  /// Interface index of the receiving end: clones go there with BPF_F_INGRESS.
  [[nodiscard]] int receiver() const { return receiver_.index(); }

  /// Whether this is one of the two ends, in the daemon's namespace.
  [[nodiscard]] bool owns(int device) const { return device == receiver() || (!namespace_ && device == sender_); }

  /// A packet for the program in a panel slot.
  struct Packet {
    std::uint16_t slot;
    std::uint16_t port;
    std::uint32_t traffic_class;
    std::uint16_t trace;               ///< number of a packet that is followed, else 0
    std::span<const std::byte> bytes;  ///< from the Ethernet header on
  };
  /// What goes in front of a packet for an XDP cube.
  [[nodiscard]] static pcn_frame frame_for(const Packet& packet);
  /// Sends packets in order. Errors: invalid_value (shorter than an Ethernet header, or too long), system; those before it
  /// are sent.
  [[nodiscard]] Result<> send(std::span<const Packet> packets) const;

  /// Makes the sending end the only element of a device map.
  [[nodiscard]] Result<> put_into(const bpf::Map& device_map) const;

 private:
  Injector() = default;
  [[nodiscard]] Result<> in_namespace(const std::function<Result<>()>& work) const;  ///< of the sending end

  /// A device that goes with its owner, at once: with its namespace it would only go some time later.
  class OwnDevice {
   public:
    OwnDevice() = default;
    OwnDevice(int index, Pins* pins) : index_(index), pins_(pins) {}
    OwnDevice(OwnDevice&& other) noexcept
        : index_(std::exchange(other.index_, 0)), pins_(other.pins_), attachments_(std::move(other.attachments_)) {}
    OwnDevice& operator=(OwnDevice&& other) noexcept {
      std::swap(index_, other.index_);
      std::swap(pins_, other.pins_);
      std::swap(attachments_, other.attachments_);
      return *this;
    }
    ~OwnDevice();
    [[nodiscard]] int index() const { return index_; }
    /// Pins a link of it, so that it is found by the next daemon.
    [[nodiscard]] Result<> pin(int link, const std::string& name);

   private:
    int index_ = 0;
    Pins* pins_ = nullptr;
    std::vector<Pin> attachments_;
  };

  Family family_ = Family::tc;
  Fd namespace_;  ///< of the sending end; none: the daemon's
  Fd socket_;     ///< packet socket on the sending end
  int sender_ = 0;
  bpf::Link tc_;
  bpf::Link xdp_;
  OwnDevice receiver_;  // its pins go before what they hold
};

}  // namespace polycube::engine
