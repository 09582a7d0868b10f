// SPDX-License-Identifier: Apache-2.0
#include "base/percent.h"

#include <gtest/gtest.h>

namespace polycube {
namespace {

TEST(Percent, Decodes) {
  EXPECT_EQ(percent_decode(""), "");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("10.0.0.0%2f24"), "10.0.0.0/24");
  EXPECT_EQ(percent_decode("%C3%a9%25"), "\xc3\xa9%");
  EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
}

TEST(Percent, RefusesWhatIsCutOrNoNumber) {
  for (const char* text : {"%", "%2", "a%", "a%2", "%g0", "%0g", "%%20", "% 1", "%-1"})
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
}

}  // namespace
}  // namespace polycube
