// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using Words = std::vector<std::string>;

std::string error_of(const Words& words) {
  const auto line = parse_command_line(words);
  return line ? "accepted" : line.error().message;
}

TEST(CommandLine, TheVerbMayStandAnywhereAmongTheWords) {
  for (const Words& words :
       {Words{"router", "add", "r1"}, Words{"router", "r1", "add"}, Words{"add", "router", "r1"}}) {
    const auto line = parse_command_line(words);
    ASSERT_TRUE(line);
    EXPECT_EQ(line->verb, Verb::add);
    EXPECT_THAT(line->words, ElementsAre("router", "r1"));
  }
}

TEST(CommandLine, AssignmentsSplitAtTheFirstEqualSign) {
  const auto line = parse_command_line({"r1", "set", "filter=a==b", "peer=", "a.b=1"});
  ASSERT_TRUE(line);
  EXPECT_THAT(line->assignments, ElementsAre(Pair("filter", "a==b"), Pair("peer", ""), Pair("a.b", "1")));
}

TEST(CommandLine, RefusalsKeepTheirWording) {
  EXPECT_EQ(error_of({"r1", "add", "show"}), "Multiple commands found: show and add");
  EXPECT_EQ(error_of({"r1", "a=1", "set"}), "set is not valid after a=1");
  EXPECT_EQ(error_of({"r1", "set", "a=1", "ports"}), "ports is not valid after a=1");
  EXPECT_EQ(error_of({"r1", "set", "a=1", "a=2"}), "Duplicated values for a");
  EXPECT_EQ(error_of({"r1", "-json"}), "-json can only be used with show command");
  EXPECT_EQ(error_of({"-json", "r1", "show"}), "-json can only be used with show command");
  EXPECT_EQ(error_of({"r1", "show", "-json", "-brief"}), "-json and -brief cannot be used together");
  EXPECT_EQ(error_of({"r1", "show", "-json", "-hide=a"}), "-json and -hide cannot be used together");
  EXPECT_EQ(error_of({"r1", "show", "-nonsense"}), "-nonsense is not a valid flag");
  EXPECT_EQ(error_of({"r1", "?", "show"}), "? must be the last argument");
  EXPECT_EQ(error_of({"r1", "set", "=x"}), "=x is not a valid format");
}

TEST(CommandLine, EveryRefusalIsASyntaxError) {
  for (const Words& words : {Words{""}, Words{"\xff"}, Words{"r1", "show", "-h"}, Words{"-hide="}}) {
    const auto line = parse_command_line(words);
    ASSERT_FALSE(line);
    EXPECT_EQ(line.error().code, ErrorCode::malformed_message);
  }
}

TEST(CommandLine, ANegativeNumberIsAWord) {
  const auto line = parse_command_line({"r1", "rule", "-5", "show"});
  ASSERT_TRUE(line);
  EXPECT_THAT(line->words, ElementsAre("r1", "rule", "-5"));
}

TEST(CommandLine, FlagsFollowShow) {
  const auto line = parse_command_line({"topology", "show", "-verbose", "-hide=uuid,ports.uuid"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->options.detail, Detail::verbose);
  EXPECT_THAT(line->options.hide, ElementsAre("uuid", "ports.uuid"));
  EXPECT_TRUE(line->options.tabular);
}

TEST(CommandLine, WordsThatShowByThemselves) {
  for (const auto* word : {"cubes", "netdevs", "topology", "version", "services"}) {
    const auto line = parse_command_line({word});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->verb, Verb::show) << word;
  }
  const auto flagged = parse_command_line({"topology", "-interval=0.2"});
  ASSERT_TRUE(flagged);
  EXPECT_EQ(flagged->verb, Verb::show);
  EXPECT_EQ(flagged->options.interval, 0.2);
}

TEST(CommandLine, WhatCanOnlyBeShownNeedsNoShow) {
  for (const auto* word : {"topology", "netdevs", "services"}) {
    const auto line = parse_command_line({word, "eth0", "-json"});
    ASSERT_TRUE(line) << word;
    EXPECT_EQ(line->verb, Verb::show) << word;
    EXPECT_THAT(line->words, ElementsAre(word, "eth0"));
  }
  EXPECT_EQ(parse_command_line({"cubes", "r1"})->verb, Verb::none);
  EXPECT_EQ(parse_command_line({"services", "type=lib"})->verb, Verb::none);
}

TEST(CommandLine, ADocumentMayBeAFile) {
  EXPECT_EQ(parse_command_line({"br1", "ports", "add", "-f", "p.yaml"})->file, "p.yaml");
  EXPECT_EQ(parse_command_line({"-f", "-", "router", "add", "r1"})->file, "-");
  EXPECT_EQ(parse_command_line({"fw1", "chain", "batch", "-f", "-f"})->file, "-f");
  EXPECT_EQ(parse_command_line({"cubes", "add", "all.yaml"})->file, "all.yaml");
  EXPECT_THAT(parse_command_line({"cubes", "all.yaml", "set"})->words, ElementsAre("cubes"));
  EXPECT_FALSE(parse_command_line({"router", "add", "r1"})->file);
  EXPECT_EQ(error_of({"router", "add", "-f"}), "-f needs the name of a file");
  EXPECT_EQ(error_of({"router", "add", "-f", "a", "-f", "b"}), "Duplicated values for -f");
  EXPECT_EQ(error_of({"router", "add", "r1", "-f", "a", "type=TC"}), "A file and type= cannot be used together");
  EXPECT_EQ(error_of({"r1", "show", "-f", "a"}), "-f can only be used with add, set and actions");
  EXPECT_EQ(error_of({"topology", "-f", "a"}), "-f can only be used with add, set and actions");
}

TEST(CommandLine, IntervalsAreForTheTopologyAndBounded) {
  EXPECT_EQ(parse_command_line({"topology", "show", "-interval=none"})->options.interval, 0.0);
  EXPECT_THAT(error_of({"cubes", "show", "-interval=1"}), HasSubstr("can only be used with topology"));
  for (const auto* bad : {"-interval=", "-interval=nan", "-interval=-1", "-interval=1x", "-interval=1e9"})
    EXPECT_THAT(error_of({"topology", "show", bad}), HasSubstr("not a valid flag")) << bad;
}

TEST(CommandLine, NothingAndHelpFlagsAskForHelp) {
  for (const Words& words : {Words{}, Words{"-h"}, Words{"--help"}, Words{"?"}}) {
    const auto line = parse_command_line(words);
    ASSERT_TRUE(line);
    EXPECT_TRUE(line->help);
    EXPECT_EQ(line->verb, Verb::none);
  }
}

TEST(Utf8, AcceptsWellFormedTextOnly) {
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9d"));
  for (const auto* bad :
       {"\xc3", "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80"})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(CommandLine, AFilterIsTakenAsItIs) {
  const auto line =
      parse_command_line({"trace", "tcp[13]==2", "and", "show", "port", "53", "-json", "--count", "3", "-", "1"});
  ASSERT_TRUE(line) << line.error().message;
  EXPECT_EQ(line->words, (std::vector<std::string>{"trace", "tcp[13]==2", "and", "show", "port", "53", "-", "1"}));
  EXPECT_EQ(line->verb, Verb::none);
  EXPECT_EQ(line->options.count, 3u);
  EXPECT_EQ(line->options.format, Format::json);
  EXPECT_EQ(parse_command_line({"trace", "--count=7"})->options.count, 7u);
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"trace", "--count"},
                                                {"trace", "--count", "0"},
                                                {"trace", "--count", "-1"},
                                                {"trace", "--count=x"},
                                                {"trace", "-brief"},
                                                {"trace", "?", "x"}})
    EXPECT_FALSE(parse_command_line(wrong)) << wrong.back();
  EXPECT_TRUE(parse_command_line({"trace", "?"})->help);
}

TEST(CommandLine, APacketIsTakenAsItIs) {
  const auto line = parse_command_line({"simulate", "eth0", "ip", "src", "10.0.0.1,", "-yaml", "tcp", "flags", "S"});
  ASSERT_TRUE(line) << line.error().message;
  EXPECT_EQ(line->words, (std::vector<std::string>{"simulate", "eth0", "ip", "src", "10.0.0.1,", "tcp", "flags", "S"}));
  EXPECT_EQ(line->options.format, Format::yaml);
  const auto file = parse_command_line({"simulate", "eth0", "-pcap=a=b.pcap", "-packet=3"});
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->options.pcap, "a=b.pcap");
  EXPECT_EQ(file->options.packet, 3u);
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"simulate", "eth0", "-packet=0"},
                                                {"simulate", "eth0", "-packet=x"},
                                                {"simulate", "eth0", "--count", "1"},
                                                {"simulate", "eth0", "-f", "x"},
                                                {"trace", "-pcap=x"},
                                                {"trace", "-packet=1"}})
    EXPECT_FALSE(parse_command_line(wrong)) << wrong.back();
}

}  // namespace
}  // namespace polycube::cli
