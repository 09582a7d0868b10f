// SPDX-License-Identifier: Apache-2.0
#include "engine/pins.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/log.h"

namespace polycube::engine {

namespace fs = std::filesystem;

namespace {

// "NAME~NUMBER" taken apart; nothing for other names.
std::optional<std::pair<std::string, std::uint64_t>> parse(const std::string& file) {
  const auto tilde = file.rfind('~');
  if (tilde == std::string::npos) return std::nullopt;
  std::uint64_t number = 0;
  const char* end = file.data() + file.size();
  const auto [stop, error] = std::from_chars(file.data() + tilde + 1, end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return std::pair(file.substr(0, tilde), number);
}

// The file system takes no name with a dot.
std::string without_dots(std::string name) {
  for (char& c : name)
    if (c == '.') c = ',';
  return name;
}

void for_each_file(const fs::path& folder, const std::function<void(const fs::path&)>& visit) {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (!entry->is_directory(error)) visit(entry->path());
}

}  // namespace

Pin::~Pin() {
  if (pins_ != nullptr && !pins_->leaving()) pins_->unpin(path_);
}

Result<std::unique_ptr<Pins>> Pins::open(const fs::path& folder) {
  if (mkdir(folder.c_str(), 0700) < 0 && errno != EEXIST)
    return fail_errno(errno, fmt::format("cannot make the folder {}", folder.string()));
  PCN_TRY(bpf::check_pin_folder(folder));
  std::unique_ptr<Pins> pins(new Pins(folder));
  pins->lock_ = Fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!pins->lock_) return fail_errno(errno, fmt::format("cannot open {}", folder.string()));
  if (flock(pins->lock_.get(), LOCK_EX | LOCK_NB) < 0)
    return fail(ErrorCode::in_use, "{} is used by another daemon; give --pin-dir another folder", folder.string());
  for_each_file(folder, [&](const fs::path& path) {
    if (const auto name = parse(path.filename())) pins->next_ = std::max(pins->next_, name->second + 1);
  });
  return pins;
}

Pins::~Pins() {
  if (!leaving()) (void)::rmdir(folder_.c_str());  // which fails while another daemon's remains are there
}

Result<Pin> Pins::pin(int fd, const std::string& name) {
  const std::lock_guard lock(mutex_);
  const fs::path path = folder_ / fmt::format("{}~{}", without_dots(name), next_++);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error)
    return fail(ErrorCode::system, "cannot make the folder {}: {}", path.parent_path().string(), error.message());
  PCN_TRY(bpf::pin(fd, path));
  own_.insert(path.native());
  return Pin(*this, path.native());
}

void Pins::unpin(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  (void)::unlink(path.c_str());
  own_.erase(path.native());
  // Folders go when they are empty.
  for (fs::path above = path.parent_path(); above != folder_ && ::rmdir(above.c_str()) == 0;
       above = above.parent_path()) {
  }
}

std::optional<fs::path> Pins::latest(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  if (settled_) return std::nullopt;
  const fs::path wanted = folder_ / without_dots(name);
  std::optional<fs::path> found;
  std::uint64_t best = 0;
  std::error_code error;
  for (fs::directory_iterator entry(wanted.parent_path(), error), end; !error && entry != end; entry.increment(error)) {
    const auto one = parse(entry->path().filename());
    if (!one || one->first != wanted.filename() || one->second < best || own_.contains(entry->path().native()))
      continue;
    best = one->second;
    found = entry->path();
  }
  return found;
}

std::optional<bpf::KnownMap> Pins::find_map(const std::string& name) const {
  const auto path = latest(name);
  if (!path) return std::nullopt;
  auto map = bpf::open_pinned_map(*path);
  if (map) return std::move(*map);
  log::error("a table of the daemon before is not taken over: {}", map.error().message);
  return std::nullopt;
}

std::optional<bpf::Link> Pins::find_link(const std::string& name) const {
  const auto path = latest(name);
  if (!path) return std::nullopt;
  auto link = bpf::open_pinned_link(*path);
  if (link) return std::move(*link);
  log::error("a link of the daemon before is not taken over: {}", link.error().message);
  return std::nullopt;
}

std::set<fs::path> Pins::leftovers() const {
  std::set<fs::path> found;
  const std::lock_guard lock(mutex_);
  for_each_file(folder_, [&](const fs::path& path) {
    if (!own_.contains(path.native())) found.insert(path);
  });
  return found;
}

Result<> Pins::settle(const std::function<void(const bpf::Link&)>& end_device) {
  std::set<fs::path> old = leftovers();
  {
    const std::lock_guard lock(mutex_);
    settled_ = true;
  }
  const auto is_in = [&](const fs::path& path, const char* folder) {
    return path.lexically_relative(folder_).begin()->string() == folder;
  };
  // First nothing enters any more, then what packets were in may go.
  for (const fs::path& path : old)
    if (is_in(path, links)) unpin(path);
  if (!old.empty()) PCN_TRY(bpf::wait_for_running_programs());
  for (const fs::path& path : old) {
    if (is_in(path, own_devices))
      if (const auto link = bpf::open_pinned_link(path)) end_device(*link);
    unpin(path);
  }
  return {};
}

}  // namespace polycube::engine
