// SPDX-License-Identifier: Apache-2.0
/// What outlives the daemon in the kernel: a folder of the BPF file system.
/// Why: packets are forwarded while there is no daemon, and the next one goes on with the same tables and attachments.
/// How: every daemon builds its programs and their wiring anew, with the tables that it finds, and then lets each device's
/// link lead to them; what it did not take over goes when it is done (settle()). So there is one way to build, whatever
/// state the daemon before was in when it ended, and packets meet the old programs or the new ones.
/// Invariants: one daemon has the folder at a time. Each pin has a path of its own, NAME~NUMBER, with a higher number than all
/// before; of two with one name the later counts. What is pinned by a daemon goes with its owner, unless leave() was called,
/// and what cannot be removed then is tried again. restore() makes good what somebody else did to the folder.
/// Threading: safe from every thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "bpf/pin.h"

namespace polycube::engine {

class Pins;

/// One thing that is pinned.
class Pin {
 public:
  Pin() = default;
  Pin(Pin&& other) noexcept : pins_(std::exchange(other.pins_, nullptr)), path_(std::move(other.path_)) {}
  Pin& operator=(Pin&& other) noexcept {
    std::swap(pins_, other.pins_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~Pin();
  /// It stays, for the next daemon.
  void leave() &&;

 private:
  friend class Pins;
  Pin(Pins& pins, std::string path) : pins_(&pins), path_(std::move(path)) {}
  Pins* pins_ = nullptr;
  std::string path_;  // a filesystem::path has a copy of each word
};

class Pins {
 public:
  /// Makes the folder if need be, but not the one that it is in. Errors: unsupported_feature (no BPF file system), in_use
  /// (another daemon's), system.
  [[nodiscard]] static Result<std::unique_ptr<Pins>> open(const std::filesystem::path& folder);

  /// Leaves nothing, not even the folder, unless leave() was called.
  ~Pins();
  Pins(const Pins&) = delete;
  Pins& operator=(const Pins&) = delete;

  /// `name`: words with '/' between them. `fd` stays open as long as the Pin lives.
  [[nodiscard]] Result<Pin> pin(int fd, const std::string& name);

  /// What a daemon before left by this name. Nothing after settle(), nor what cannot be opened, which is logged.
  [[nodiscard]] std::optional<bpf::KnownMap> find_map(const std::string& name) const;
  [[nodiscard]] std::optional<bpf::Link> find_link(const std::string& name) const;

  /// What a daemon before left goes. `end_device`: is given the links of devices that the daemon made for itself, see
  /// own_devices.
  [[nodiscard]] Result<> settle(const std::function<void(const bpf::Link&)>& end_device);
  /// Folder of such links.
  static constexpr const char* own_devices = "devices";
  /// Folder of links to all other devices.
  static constexpr const char* links = "links";

  /// What is not where it was pinned: somebody removed or replaced it.
  [[nodiscard]] std::vector<std::filesystem::path> missing() const;
  /// Pins what is missing again. Errors: as open(), and what is in the way.
  [[nodiscard]] Result<> restore();
  /// Whether a daemon before left some of the latter, and settle() was not called yet.
  [[nodiscard]] bool holds_links() const;

  /// From now on nothing is unpinned.
  void leave() { leaving_ = true; }
  [[nodiscard]] bool leaving() const { return leaving_; }

 private:
  friend class Pin;
  explicit Pins(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<> lock_folder();
  void unpin(const std::filesystem::path& path);
  void forget(const std::filesystem::path& path);
  // All of these are called with the mutex held.
  [[nodiscard]] Result<::ino_t> put(int fd, const std::filesystem::path& path) const;
  void remove(const std::filesystem::path& path);
  void remove_stuck();
  void remove_empty_folders(std::filesystem::path folder);
  [[nodiscard]] std::optional<std::filesystem::path> latest(const std::string& name) const;
  [[nodiscard]] std::set<std::filesystem::path> leftovers() const;

  std::filesystem::path folder_;
  Fd lock_;
  std::atomic<bool> leaving_ = false;
  mutable std::mutex mutex_;  ///< guards the rest
  std::uint64_t next_ = 1;
  bool settled_ = false;
  struct Held {
    int fd;
    ::ino_t inode;
  };
  std::map<std::string, Held> own_;
  std::set<std::filesystem::path> stuck_;  ///< could not be removed
};

}  // namespace polycube::engine
