// SPDX-License-Identifier: Apache-2.0
#include "cli/pcap.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace polycube::cli {

namespace {

constexpr std::uint32_t microseconds = 0xa1b2c3d4;
constexpr std::uint32_t nanoseconds = 0xa1b23c4d;
constexpr std::uint32_t next_generation = 0x0a0d0d0a;
constexpr std::uint32_t ethernet = 1;             // LINKTYPE_ETHERNET
constexpr std::uint32_t longest_packet = 262144;  // MAXIMUM_SNAPLEN of libpcap

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), file_(path, std::ios::binary) {}

  Result<std::string> read(std::uint64_t number) {
    std::array<std::uint32_t, 6> head{};
    if (!file_) return fail(ErrorCode::malformed_message, "Cannot read {}: {}", path_, std::strerror(errno));
    if (!take(head)) return fail(ErrorCode::malformed_message, "{} is no capture file: it is too short", path_);
    PCN_TRY(judge(head));
    for (std::uint64_t at = 1;; at++) {
      std::array<std::uint32_t, 4> record{};  // seconds, their fraction, bytes in the file, bytes of the packet
      if (!take(record))
        return fail(ErrorCode::malformed_message, "{} has {} packets, and no packet {}", path_, at - 1, number);
      const std::uint32_t captured = value(record[2]);
      if (captured > longest_packet)
        return fail(ErrorCode::malformed_message, "{} is damaged: packet {} would have {} bytes", path_, at, captured);
      std::string packet(captured, '\0');
      if (!file_.read(packet.data(), captured))
        return fail(ErrorCode::malformed_message, "{} ends within packet {}", path_, at);
      if (at != number) continue;
      if (value(record[3]) > captured)
        return fail(ErrorCode::malformed_message,
                    "{}: of packet {} there are {} of {} bytes: capture all of it (tcpdump -s 0)", path_, at, captured,
                    value(record[3]));
      return hexadecimal(packet);
    }
  }

 private:
  Result<> judge(const std::array<std::uint32_t, 6>& head) {
    const std::uint32_t magic = head[0];
    if (magic == next_generation)
      return fail(ErrorCode::malformed_message,
                  "{} is a pcapng file, and a pcap file is needed: tcpdump -r {} -w NEW makes one", path_, path_);
    swapped_ = __builtin_bswap32(magic) == microseconds || __builtin_bswap32(magic) == nanoseconds;
    if (!swapped_ && magic != microseconds && magic != nanoseconds)
      return fail(ErrorCode::malformed_message, "{} is no capture file as tcpdump -w writes it", path_);
    const std::uint32_t link = value(head[5]) & 0xffff;  // above are flags
    if (link != ethernet)
      return fail(ErrorCode::malformed_message, "{} has packets of link type {}, not of Ethernet (1)", path_, link);
    return {};
  }

  template <std::size_t size>
  bool take(std::array<std::uint32_t, size>& words) {
    return static_cast<bool>(file_.read(reinterpret_cast<char*>(words.data()), sizeof(words)));
  }

  [[nodiscard]] std::uint32_t value(std::uint32_t word) const { return swapped_ ? __builtin_bswap32(word) : word; }

  static std::string hexadecimal(const std::string& bytes) {
    std::string text;
    for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return text;
  }

  const std::string& path_;
  std::ifstream file_;
  bool swapped_ = false;
};

}  // namespace

Result<std::string> read_pcap(const std::string& path, std::uint64_t number) { return Reader(path).read(number); }

}  // namespace polycube::cli
