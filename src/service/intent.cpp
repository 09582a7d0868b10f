// SPDX-License-Identifier: Apache-2.0
#include "service/intent.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/log.h"

namespace polycube::service {

using nlohmann::json;

namespace {

std::string hexadecimal(const bpf::Bytes& bytes) {
  std::string text;
  constexpr std::string_view digits = "0123456789abcdef";
  for (const std::byte octet : bytes) {
    text += digits[static_cast<unsigned>(octet) >> 4];
    text += digits[static_cast<unsigned>(octet) & 0xf];
  }
  return text;
}

bpf::Bytes bytes_of(const std::string& text) {
  bpf::Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoul(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

}  // namespace

Result<> Intent::write(std::int64_t revision, const std::vector<engine::OldElement>& elements) const {
  json list = json::array();
  for (const auto& [cube, table, layout, element] : elements)
    list.push_back(
        {cube, table, layout, hexadecimal(element.key), element.value ? json(hexadecimal(*element.value)) : json()});
  const json whole = {{"boot", boot_id()}, {"revision", revision}, {"elements", std::move(list)}};
  return put_file(file_, whole.dump(), Lasting::process);
}

Result<std::vector<engine::OldElement>> Intent::read(std::int64_t revision) const try {
  std::vector<engine::OldElement> elements;
  const auto text = read_file(file_);
  if (!text && text.error().code == ErrorCode::data_missing) return elements;
  if (!text) return tl::unexpected<Error>(text.error());
  const json whole = json::parse(*text);
  if (whole.at("boot") != boot_id() || whole.at("revision") != revision) return elements;
  for (const json& one : whole.at("elements")) {
    engine::OldElement& old = elements.emplace_back();
    old.cube = one.at(0);
    old.table = one.at(1);
    old.layout = one.at(2);
    old.element.key = bytes_of(one.at(3));
    if (one.at(4).is_string()) old.element.value = bytes_of(one.at(4));
  }
  return elements;
} catch (const std::exception& damaged) {
  return fail(ErrorCode::invalid_value, "what was under way cannot be read from {}: {}", file_.string(),
              damaged.what());
}

void Intent::remove() const {
  std::error_code error;
  std::filesystem::remove(file_, error);
  if (error) log::warn("cannot remove {}: {}", file_.string(), error.message());
}

}  // namespace polycube::service
