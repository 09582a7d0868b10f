// SPDX-License-Identifier: Apache-2.0
#include "cli/pcap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace polycube::cli {
namespace {

using testing::HasSubstr;

class Pcap : public testing::Test {
 protected:
  Pcap() : path_(std::filesystem::temp_directory_path() / ("pcap_test." + std::to_string(::getpid()))) {}
  ~Pcap() override { std::filesystem::remove(path_); }

  void word(std::uint32_t value) {
    if (swapped_) value = __builtin_bswap32(value);
    content_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void head(std::uint32_t magic = 0xa1b2c3d4, std::uint32_t link = 1) {
    for (const std::uint32_t value : {magic, 0x00040002U, 0U, 0U, 65535U, link}) word(value);
  }
  void packet(const std::string& bytes, std::uint32_t length) {
    for (const std::uint32_t value : {1U, 2U, static_cast<std::uint32_t>(bytes.size()), length}) word(value);
    content_ += bytes;
  }
  void packet(const std::string& bytes) { packet(bytes, static_cast<std::uint32_t>(bytes.size())); }
  Result<std::string> read(std::uint64_t number) {
    std::ofstream(path_, std::ios::binary) << content_;
    return read_pcap(path_, number);
  }
  std::string error(std::uint64_t number = 1) {
    const auto text = read(number);
    return text ? "none: " + *text : text.error().message;
  }

  std::filesystem::path path_;
  std::string content_;
  bool swapped_ = false;
};

TEST_F(Pcap, BothByteOrdersAndUnitsOfTime) {
  for (const bool swapped : {false, true})
    for (const std::uint32_t magic : {0xa1b2c3d4U, 0xa1b23c4dU}) {
      swapped_ = swapped;
      content_.clear();
      head(magic);
      packet("first");
      packet("\x01\xff");
      EXPECT_EQ(*read(1), "6669727374");
      EXPECT_EQ(*read(2), "01ff");
      EXPECT_THAT(error(3), HasSubstr("has 2 packets, and no packet 3"));
    }
}

TEST_F(Pcap, WhatIsNoneIsRefused) {
  EXPECT_THAT(error(), HasSubstr("too short"));
  content_ = std::string(100, 'x');
  EXPECT_THAT(error(), HasSubstr("is no capture file"));
  content_.clear();
  head(0x0a0d0d0a);
  EXPECT_THAT(error(), HasSubstr("is a pcapng file"));
  content_.clear();
  head(0xa1b2c3d4, 113);
  EXPECT_THAT(error(), HasSubstr("link type 113"));
  content_.clear();
  head();
  EXPECT_THAT(error(), HasSubstr("has 0 packets"));
  packet("only a part", 100);
  EXPECT_THAT(error(), HasSubstr("there are 11 of 100 bytes"));
  for (const std::uint32_t value : {1U, 2U, 50U, 50U}) word(value);
  EXPECT_THAT(error(2), HasSubstr("ends within packet 2"));
  content_.clear();
  head();
  for (const std::uint32_t value : {1U, 2U, 0x7fffffffU, 0x7fffffffU}) word(value);
  EXPECT_THAT(error(), HasSubstr("is damaged"));
  EXPECT_THAT(read_pcap("/no/such/file", 1).error().message, HasSubstr("Cannot read /no/such/file: No such file"));
}

}  // namespace
}  // namespace polycube::cli
