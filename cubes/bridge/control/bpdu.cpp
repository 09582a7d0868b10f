// SPDX-License-Identifier: Apache-2.0
#include "bpdu.h"

#include <algorithm>

namespace bridge {

namespace {

constexpr MacAddress bridge_group{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00};
constexpr MacAddress pvst_group{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd};
constexpr std::array<std::uint8_t, 3> llc{0x42, 0x42, 0x03};
constexpr std::array<std::uint8_t, 8> snap{0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x01, 0x0b};

constexpr std::uint16_t tag_protocol = 0x8100;
constexpr std::uint16_t vlan_mask = 0x0fff;
constexpr std::uint8_t config_type = 0x00;
constexpr std::uint8_t tcn_type = 0x80;
constexpr std::uint8_t topology_change_flag = 0x01;
constexpr std::uint8_t acknowledgment_flag = 0x80;
constexpr std::size_t shortest_frame = 60;  // without the frame check sequence

using Ticks = std::chrono::duration<std::int64_t, std::ratio<1, 256>>;

class Writer {
 public:
  template <typename T>
  void number(T value) {
    for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8)
      bytes.push_back(static_cast<std::byte>(value >> shift & 0xff));
  }
  template <std::size_t N>
  void octets(const std::array<std::uint8_t, N>& values) {
    for (const std::uint8_t value : values) number(value);
  }
  void time(Duration value) {
    number(
        static_cast<std::uint16_t>(std::clamp<std::int64_t>(std::chrono::round<Ticks>(value).count(), 0, UINT16_MAX)));
  }
  std::vector<std::byte> bytes;
};

/// Reads what is there; once something was not, everything is zero and failed.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <typename T>
  T number() {
    T value = 0;
    for (const std::byte byte : take(sizeof(T))) value = static_cast<T>(value << 8 | std::to_integer<T>(byte));
    return value;
  }
  template <std::size_t N>
  bool skip(const std::array<std::uint8_t, N>& expected) {
    const auto found = take(N);
    return std::equal(found.begin(), found.end(), expected.begin(), expected.end(),
                      [](std::byte a, std::uint8_t b) { return std::to_integer<std::uint8_t>(a) == b; });
  }
  Duration time() { return std::chrono::round<Duration>(Ticks(number<std::uint16_t>())); }
  std::span<const std::byte> take(std::size_t count) {
    if (count > bytes_.size()) failed_ = true;
    if (failed_) return {};
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::span<const std::byte> bytes_;
  bool failed_ = false;
};

std::vector<std::byte> contents(const Bpdu& bpdu) {
  Writer out;
  out.number(std::uint16_t{0});  // protocol
  out.number(std::uint8_t{0});   // version
  const auto* config = std::get_if<ConfigBpdu>(&bpdu);
  out.number(config ? config_type : tcn_type);
  if (config == nullptr) return out.bytes;
  out.number(static_cast<std::uint8_t>((config->topology_change ? topology_change_flag : 0) |
                                       (config->acknowledgment ? acknowledgment_flag : 0)));
  out.number(config->root);
  out.number(config->cost);
  out.number(config->bridge);
  out.number(config->port);
  out.time(config->message_age);
  out.time(config->timers.max_age);
  out.time(config->timers.hello);
  out.time(config->timers.forward_delay);
  return out.bytes;
}

template <std::size_t N>
void append_framed(Writer& frame, const std::array<std::uint8_t, N>& header, const std::vector<std::byte>& bpdu) {
  frame.number(static_cast<std::uint16_t>(N + bpdu.size()));
  frame.octets(header);
  frame.bytes.insert(frame.bytes.end(), bpdu.begin(), bpdu.end());
  if (frame.bytes.size() < shortest_frame) frame.bytes.resize(shortest_frame);
}

std::optional<Bpdu> read_bpdu(Reader& in) {
  const auto protocol = in.number<std::uint16_t>();
  (void)in.number<std::uint8_t>();  // later versions are read like this one
  const auto type = in.number<std::uint8_t>();
  if (in.failed() || protocol != 0) return std::nullopt;
  if (type == tcn_type) return TcnBpdu{};
  if (type != config_type) return std::nullopt;
  ConfigBpdu config;
  const auto flags = in.number<std::uint8_t>();
  config.topology_change = (flags & topology_change_flag) != 0;
  config.acknowledgment = (flags & acknowledgment_flag) != 0;
  config.root = in.number<std::uint64_t>();
  config.cost = in.number<std::uint32_t>();
  config.bridge = in.number<std::uint64_t>();
  config.port = in.number<std::uint16_t>();
  config.message_age = in.time();
  config.timers.max_age = in.time();
  config.timers.hello = in.time();
  config.timers.forward_delay = in.time();
  if (in.failed()) return std::nullopt;
  return config;
}

/// What is behind a BPDU of PVST+: an octet of padding, and the VLAN as type 0, length 2 and value.
bool names_vlan(Reader& in, std::uint16_t vlan) {
  (void)in.number<std::uint8_t>();
  const bool is_vlan = in.number<std::uint16_t>() == 0 && in.number<std::uint16_t>() == 2;
  return in.number<std::uint16_t>() == vlan && is_vlan && !in.failed();
}

}  // namespace

std::vector<std::byte> encode(const Bpdu& bpdu, const MacAddress& source) {
  Writer frame;
  frame.octets(bridge_group);
  frame.octets(source);
  append_framed(frame, llc, contents(bpdu));
  return frame.bytes;
}

std::vector<std::byte> encode_pvst(const Bpdu& bpdu, const MacAddress& source, std::uint16_t vlan, bool tagged) {
  Writer tail;
  tail.bytes = contents(bpdu);
  tail.number(std::uint8_t{0});
  tail.number(std::uint16_t{0});
  tail.number(std::uint16_t{2});
  tail.number(vlan);
  Writer frame;
  frame.octets(pvst_group);
  frame.octets(source);
  if (tagged) {
    frame.number(tag_protocol);
    frame.number(vlan);
  }
  append_framed(frame, snap, tail.bytes);
  return frame.bytes;
}

std::optional<Bpdu> decode(std::span<const std::byte> frame, std::uint16_t vlan) {
  Reader in(frame);
  const auto destination = in.take(6);
  (void)in.take(6);  // source
  if (in.failed()) return std::nullopt;
  const bool pvst = Reader(destination).skip(pvst_group);
  auto length = in.number<std::uint16_t>();
  if (length == tag_protocol) {
    if ((in.number<std::uint16_t>() & vlan_mask) != vlan) return std::nullopt;
    length = in.number<std::uint16_t>();
  }
  Reader payload(in.take(length));  // without what pads the frame
  if (in.failed() || !(pvst ? payload.skip(snap) : payload.skip(llc))) return std::nullopt;
  auto bpdu = read_bpdu(payload);
  if (pvst && bpdu && !names_vlan(payload, vlan)) return std::nullopt;
  return bpdu;
}

}  // namespace bridge
