// SPDX-License-Identifier: Apache-2.0
#include "service/metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace polycube::service {

MetricFamily& Metrics::family(const std::string& name, Type type, const std::string& help,
                              const std::string& declared) {
  const auto known =
      std::find_if(families_.begin(), families_.end(), [&](const MetricFamily& family) { return family.name == name; });
  if (known != families_.end()) return *known;
  return families_.emplace_back(MetricFamily{name, help, type, declared, {}});
}

void Histogram::observe(double seconds) {
  for (std::size_t i = 0; i < bounds.size(); i++)
    if (seconds <= bounds[i]) at_most_[i]++;
  count_++;
  sum_ += seconds;
}

void Histogram::add_to(MetricFamily& family, const Labels& labels) const {
  const auto add = [&](const char* suffix, const std::string& bound, double value) {
    Labels all = labels;
    if (!bound.empty()) all.emplace_back("le", bound);
    family.samples.push_back({suffix, std::move(all), value});
  };
  for (std::size_t i = 0; i < bounds.size(); i++)
    // OpenMetrics wants a number of the form 1.0 here.
    add("_bucket", bounds[i] < 1 ? fmt::format("{}", bounds[i]) : fmt::format("{:.1f}", bounds[i]),
        static_cast<double>(at_most_[i]));
  add("_bucket", "+Inf", static_cast<double>(count_));
  add("_sum", {}, sum_);
  add("_count", {}, static_cast<double>(count_));
}

void CommitCounts::done(std::chrono::steady_clock::time_point begin) {
  durations.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  last = std::chrono::system_clock::now();
}

namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// Fields of /proc/self/stat from the third on; the second may hold blanks (proc(5)).
std::vector<double> own_stat() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream rest(line.substr(std::min(line.rfind(')') + 1, line.size())));
  std::vector<double> fields;
  std::string word;
  while (rest >> word) fields.push_back(std::strtod(word.c_str(), nullptr));
  return fields;
}

double boot_time() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word)
    if (word == "btime" && file >> word) return std::strtod(word.c_str(), nullptr);
  return 0;
}

}  // namespace

void add_process(Metrics& metrics) {
  using Type = MetricFamily::Type;
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  metrics.family("process_cpu_seconds", Type::counter, "CPU time of the daemon, in user space and in the kernel.")
      .add({}, seconds_of(used.ru_utime) + seconds_of(used.ru_stime));
  if (const std::vector<double> stat = own_stat(); stat.size() > 21) {
    metrics.family("process_resident_memory_bytes", Type::gauge, "Memory of the daemon that is present.")
        .add({}, stat[21] * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    metrics.family("process_virtual_memory_bytes", Type::gauge, "Address space of the daemon.").add({}, stat[20]);
    metrics.family("process_threads", Type::gauge, "Threads of the daemon.").add({}, stat[17]);
    const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    metrics.family("process_start_time_seconds", Type::gauge, "When the daemon was started, in Unix time.")
        .add({}, boot_time() + stat[19] / ticks);
  }
  std::error_code error;
  const auto files = std::filesystem::directory_iterator("/proc/self/fd", error);
  if (!error)
    metrics.family("process_open_fds", Type::gauge, "Open files of the daemon.")
        .add({}, static_cast<double>(std::distance(begin(files), end(files))) - 1);  // without that of the folder
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    metrics.family("process_max_fds", Type::gauge, "Files that the daemon may have open.")
        .add({}, static_cast<double>(limit.rlim_cur));
}

}  // namespace polycube::service
