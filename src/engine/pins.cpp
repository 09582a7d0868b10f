// SPDX-License-Identifier: Apache-2.0
#include "engine/pins.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

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

bool is_in(const fs::path& pins, const fs::path& path, const char* folder) {
  return path.lexically_relative(pins).begin()->string() == folder;
}

void for_each_file(const fs::path& folder, const std::function<void(const fs::path&)>& visit) {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (!entry->is_directory(error)) visit(entry->path());
}

std::optional<::ino_t> inode_of(const fs::path& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 ? std::optional(status.st_ino) : std::nullopt;
}

}  // namespace

Pin::~Pin() {
  if (pins_ != nullptr && !pins_->leaving()) pins_->unpin(path_);
}

void Pin::leave() && {
  if (auto* pins = std::exchange(pins_, nullptr)) pins->forget(path_);
}

Result<std::unique_ptr<Pins>> Pins::open(const fs::path& folder) {
  std::unique_ptr<Pins> pins(new Pins(folder));
  PCN_TRY(pins->lock_folder());
  for_each_file(folder, [&](const fs::path& path) {
    if (const auto name = parse(path.filename())) pins->next_ = std::max(pins->next_, name->second + 1);
  });
  return pins;
}

Result<> Pins::lock_folder() {
  if (mkdir(folder_.c_str(), 0700) < 0 && errno != EEXIST)
    return fail_errno(errno, fmt::format("cannot make the folder {}", folder_.string()));
  PCN_TRY(bpf::check_pin_folder(folder_));
  Fd lock(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock) return fail_errno(errno, fmt::format("cannot open {}", folder_.string()));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) < 0)
    return fail(ErrorCode::in_use, "{} is used by another daemon; give --pin-dir another folder", folder_.string());
  lock_ = std::move(lock);
  return {};
}

Pins::~Pins() {
  if (leaving()) return;
  const std::lock_guard lock(mutex_);
  remove_stuck();
  (void)::rmdir(folder_.c_str());  // which fails while another daemon's remains are there
}

Result<::ino_t> Pins::put(int fd, const fs::path& path) const {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error)
    return fail(ErrorCode::system, "cannot make the folder {}: {}", path.parent_path().string(), error.message());
  PCN_TRY(bpf::pin(fd, path));
  return inode_of(path).value_or(0);
}

Result<Pin> Pins::pin(int fd, const std::string& name) {
  const std::lock_guard lock(mutex_);
  remove_stuck();
  const fs::path path = folder_ / fmt::format("{}~{}", without_dots(name), next_++);
  auto inode = put(fd, path);
  if (!inode) {
    remove_empty_folders(path.parent_path());
    return tl::unexpected<Error>(std::move(inode).error());
  }
  own_.insert_or_assign(path.native(), Held{fd, *inode});
  return Pin(*this, path.native());
}

void Pins::unpin(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  own_.erase(path.native());
  remove_stuck();
  remove(path);
}

void Pins::forget(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  own_.erase(path.native());
}

// What cannot go now is tried again with the next one. A folder of this name was left by remove_empty_folders(), or is
// somebody else's.
void Pins::remove(const fs::path& path) {
  stuck_.erase(path);
  std::error_code ignored;
  if (fs::is_directory(fs::symlink_status(path, ignored))) return remove_empty_folders(path);
  const auto unlinked = [&] { return ::unlink(path.c_str()) == 0 || errno == ENOENT; };
  if (unlinked() || unlinked()) return remove_empty_folders(path.parent_path());
  log::error("cannot remove {}, which is tried again with the next change: {}", path.string(), std::strerror(errno));
  stuck_.insert(path);
}

void Pins::remove_stuck() {
  for (const fs::path& path : std::set(stuck_)) remove(path);
}

void Pins::remove_empty_folders(fs::path folder) {
  const auto holds_something = [] { return errno == ENOTEMPTY || errno == EEXIST; };
  const auto removed = [&] { return ::rmdir(folder.c_str()) == 0 || errno == ENOENT; };
  for (; folder != folder_; folder = folder.parent_path()) {
    if (removed() || (!holds_something() && removed())) continue;
    if (!holds_something()) stuck_.insert(folder);
    return;
  }
}

std::vector<fs::path> Pins::missing() const {
  std::vector<fs::path> missing;
  const std::lock_guard lock(mutex_);
  if (leaving()) return missing;
  for (const auto& [path, held] : own_)
    if (inode_of(path) != held.inode) missing.emplace_back(path);
  return missing;
}

Result<> Pins::restore() {
  const std::vector<fs::path> paths = missing();
  if (paths.empty()) return {};
  const std::lock_guard lock(mutex_);
  struct stat known{};
  if (leaving() || fstat(lock_.get(), &known) < 0) return {};
  struct stat there{};
  if (stat(folder_.c_str(), &there) < 0 || there.st_ino != known.st_ino || there.st_dev != known.st_dev)
    PCN_TRY(lock_folder());
  for (const fs::path& path : paths) {
    const auto held = own_.find(path.native());
    if (held == own_.end()) continue;  // it went meanwhile
    if (::unlink(path.c_str()) < 0 && errno != ENOENT)
      return fail_errno(errno, fmt::format("{} is in the way and cannot be removed", path.string()));
    PCN_ASSIGN(held->second.inode, put(held->second.fd, path));
    log::warn("{} was removed or replaced by somebody; it is there again", path.string());
  }
  return {};
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

bool Pins::holds_links() const {
  const std::set<fs::path> found = leftovers();
  return std::any_of(found.begin(), found.end(),
                     [&](const fs::path& path) { return is_in(folder_, path, links) && parse(path.filename()); });
}

Result<> Pins::settle(const std::function<void(const bpf::Link&)>& end_device) {
  std::set<fs::path> old = leftovers();
  {
    const std::lock_guard lock(mutex_);
    settled_ = true;
  }
  // First nothing enters any more, then what packets were in may go.
  for (const fs::path& path : old)
    if (is_in(folder_, path, links)) unpin(path);
  if (!old.empty()) PCN_TRY(bpf::wait_for_running_programs());
  for (const fs::path& path : old) {
    if (is_in(folder_, path, own_devices))
      if (const auto link = bpf::open_pinned_link(path)) end_device(*link);
    unpin(path);
  }
  // Those of a daemon that was killed between removing what was in them and them.
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error))
    if (entry->is_directory(error)) folders.push_back(entry->path());
  const std::lock_guard lock(mutex_);
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) remove_empty_folders(*folder);
  return {};
}

}  // namespace polycube::engine
