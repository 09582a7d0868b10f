// SPDX-License-Identifier: Apache-2.0
// How much work bodies make that were made to make much. Work is counted, not timed.
#include "model/input.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "model/test_support.h"

namespace {
std::atomic<unsigned long> comparisons = 0;
}  // namespace

namespace {
int compare(const void* a, const void* b, std::size_t size) {
  comparisons.fetch_add(1, std::memory_order_relaxed);
  const auto* x = static_cast<const volatile unsigned char*>(a);
  const auto* y = static_cast<const volatile unsigned char*>(b);
  for (std::size_t i = 0; i < size; ++i) {
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return 0;
}
}  // namespace

// In place of the C library's: comparing strings of equal length comes to one of these, depending on the compiler.
extern "C" int memcmp(const void* a, const void* b, std::size_t size) { return compare(a, b, size); }  // NOLINT
extern "C" int bcmp(const void* a, const void* b, std::size_t size) { return compare(a, b, size); }    // NOLINT

namespace polycube::model {
namespace {

std::string many_names(unsigned count) {
  std::string body = "<r>";
  for (unsigned i = 0; i < count; ++i) body += fmt::format("<e{:06}/>", i);
  return body + "</r>";
}

unsigned long comparisons_of(const std::string& body) {
  comparisons = 0;
  const auto value = parse_body(test_schema()->context(), body, Format::xml);
  const unsigned long counted = comparisons;
  EXPECT_TRUE(value) << (value ? "" : value.error().message);
  return counted;
}

TEST(Input, WorkForManyNamesGrowsAsTheBody) {
  (void)comparisons_of(many_names(1));
  constexpr unsigned count = 4000;
  // Comparing each name with all before it would be 8 million.
  EXPECT_LT(comparisons_of(many_names(count)), 100UL * count);
}

TEST(Input, ComparisonsAreCounted) {
  comparisons = 0;
  volatile std::size_t size = 8;
  const std::string a(size, 'x');
  const std::string b(size, 'y');
  EXPECT_FALSE(a == b);
  EXPECT_GT(comparisons, 0UL);
}

void collect(const Value& value, std::set<const Namespaces*>& scopes, std::size_t& values) {
  scopes.insert(value.namespaces.get());
  ++values;
  for (const auto& member : value.members) collect(member.value, scopes, values);
  for (const auto& element : value.elements) collect(element, scopes, values);
}

TEST(Input, ElementsShareTheNamespacesInScope) {
  std::string body = "<r";
  for (unsigned i = 0; i < 200; ++i) body += fmt::format(" xmlns:p{}=\"urn:{}\"", i, i);
  body += '>';
  for (unsigned i = 0; i < 2000; ++i) body += "<e><f/></e>";
  body += "</r>";
  const auto value = parse_body(test_schema()->context(), body, Format::xml);
  ASSERT_TRUE(value) << value.error().message;
  std::set<const Namespaces*> scopes;
  std::size_t values = 0;
  collect(value->members.at(0).value, scopes, values);
  EXPECT_GT(values, 4000u);
  scopes.erase(nullptr);  // of the array
  EXPECT_EQ(scopes.size(), 1u);
}

}  // namespace
}  // namespace polycube::model
