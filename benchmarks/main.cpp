// SPDX-License-Identifier: Apache-2.0
// Measures what the project promises and prints it as a Markdown table: see README.md.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <set>

#include "base/log.h"
#include "benchmarks.h"
#include "interrupt.h"
#include "laboratory.h"

namespace {

using namespace polycube;

struct Group {
  const char* name;
  Result<> (*measure)(bench::Report&, const bench::Effort&);
};
constexpr Group groups[] = {
    {"forwarder", bench::forwarder}, {"chain", bench::chain},           {"tracing", bench::tracing},
    {"change", bench::change},       {"continuity", bench::continuity}, {"endurance", bench::endurance},
    {"rules", bench::rules},         {"scale", bench::scale},           {"slow_path", bench::slow_path},
    {"router", bench::router},       {"bridge", bench::bridge},         {"lines", bench::lines}};

void measure(const std::set<std::string>& wanted, const bench::Effort& effort, bench::Report& report) {
  for (const Group& group : groups) {
    if (!wanted.empty() && !wanted.contains(group.name)) continue;
    auto done = group.measure(report, effort);
    if (bench::interrupt_signal() != 0) return;
    if (!done) report.failed(done.error());
    std::fputs((report.last_section() + "\n").c_str(), stdout);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures Polycube and prints a table of figures and ratios.");
  bool quick = false;
  bool strict = false;
  std::string json_file;
  std::set<std::string> wanted;
  std::set<std::string> names;
  for (const Group& group : groups) names.insert(group.name);
  app.add_flag("--quick", quick, "a smoke run: few and short measurements, figures without worth");
  app.add_flag("--strict", strict, "exit with 1 when a bar is missed");
  app.add_option("--json", json_file, "write the table and all samples to this file")->type_name("FILE");
  app.add_option("GROUP", wanted, "measure these groups only")->check(CLI::IsMember(names));
  CLI11_PARSE(app, argc, argv);

  log::start(spdlog::level::warn);
  bench::catch_interrupts();
  if (auto entered = bench::enter_laboratory(); !entered) {
    std::fprintf(stderr, "polycube-bench: %s\n", entered.error().message.c_str());
    return 2;
  }
  setpriority(PRIO_PROCESS, 0, -20);  // other load disturbs less; without the right to, the figures are only noisier
  bench::Report report;
  measure(wanted, quick ? bench::quick_effort : bench::full_effort, report);
  if (bench::interrupt_signal() != 0) {
    std::fputs("polycube-bench: interrupted\n", stderr);
    return 128 + bench::interrupt_signal();
  }
  std::puts(report.all_met() ? "All bars are met." : "Not all bars are met.");
  if (!json_file.empty() && !(std::ofstream(json_file) << report.json().dump(2) << '\n')) {
    std::fprintf(stderr, "polycube-bench: cannot write %s\n", json_file.c_str());
    return 2;
  }
  return strict && !report.all_met() ? 1 : 0;
}
