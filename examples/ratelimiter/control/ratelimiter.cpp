// SPDX-License-Identifier: Apache-2.0
// Reads once a second of whom packets were dropped, and shows it as the list `offender`.
#include <arpa/inet.h>
#include <polycube/control.h>
#include <polycube/table.h>

#include "abi/ratelimiter.h"
#include "control/offenders.h"

namespace {

using namespace polycube;
using ratelimiter::Offenders;

std::string text_of(std::uint32_t address) {
  std::array<char, INET_ADDRSTRLEN> text{};
  inet_ntop(AF_INET, &address, text.data(), text.size());
  return text.data();
}

class Ratelimiter : public control::Cube {
 public:
  explicit Ratelimiter(control::Host& host)
      : host_(host),
        dropped_(control::Table<source, drops>::open(host, "dropped").value()),
        timer_(host.every(std::chrono::seconds(1), [this] { update(); })) {}

  Result<control::Rows> state(const std::string& node) override {
    control::Rows rows;
    if (node != "offender") return rows;
    for (const auto& [address, offender] : offenders_.all())
      rows.push_back(
          {{text_of(address)},
           {{"dropped", std::to_string(offender.dropped)}, {"dropped-rate", std::to_string(offender.dropped_rate)}}});
    return rows;
  }

 private:
  void update() {
    Offenders::Counters counters;
    std::vector<source> quiet;
    const auto read = dropped_.for_each([&](source key, drops value) {
      const auto known = offenders_.all().find(key.address);
      if (known != offenders_.all().end() && known->second.quiet >= Offenders::forgotten_after)
        quiet.push_back(key);
      else
        counters[key.address] = value.packets;
    });
    if (!read) return host_.log(control::LogLevel::warn, read.error().message);
    offenders_.update(counters);
    if (const auto removed = dropped_.remove(quiet); !removed)
      host_.log(control::LogLevel::warn, removed.error().message);
  }

  control::Host& host_;
  control::Table<source, drops> dropped_;
  Offenders offenders_;
  control::Timer timer_;
};

}  // namespace

POLYCUBE_SERVICE(Ratelimiter);
