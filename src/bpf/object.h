// SPDX-License-Identifier: Apache-2.0
/// Object files of compiled fast paths, and loading them.
/// Why: a file is read once and loaded many times: for each cube, and again whenever a cube's constants change, with the
/// cube's maps shared between the old program and the new one.
/// Invariants: an ObjectFile is immutable; what load() returns is owned by the caller and independent of libbpf.
/// Threading: ObjectFile may be shared; load() may run on several threads.
#pragma once

#include <linux/bpf.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bpf/layout.h"
#include "bpf/map.h"
#include "bpf/program.h"

namespace polycube::bpf {

/// A second program made from one of the object's, for which two bytes of a constant are different.
/// Why: the maps and everything else stay the same, so this saves loading the object again.
struct Variant {
  std::string program;
  std::string constant;
  std::uint32_t offset = 0;  ///< of the two bytes in the constant
  std::uint16_t value = 0;
};

struct LoadOptions {
  /// Constants (`const volatile` globals) by name, whole objects.
  std::map<std::string, std::span<const std::byte>> constants = {};
  std::vector<Variant> variants = {};
  /// Programs to load; empty: all.
  std::vector<std::string> programs = {};
  /// Maps to use instead of creating those of the same name: their descriptors.
  std::map<std::string, int> maps = {};
};

struct LoadedObject {
  std::map<std::string, Map> maps;  ///< those that load() created; `.rodata` excluded
  std::map<std::string, Program> programs;
  std::vector<Program> variants;  ///< as asked for; empty when they cannot be made: of programs with callbacks
};

/// Who vouches for an object.
enum class Origin {
  installed,  ///< who installed it, as this program
  outside     ///< nobody: it is opened only after it was checked (object_check.h)
};

class ObjectFile {
 public:
  /// Errors: system (cannot be read), invalid_value (not a BPF object, no BTF), those of check_object().
  [[nodiscard]] static Result<ObjectFile> read(const std::filesystem::path& path, Origin origin = Origin::installed);
  /// One that is not in a file; `name` stands for its path in messages. Errors: invalid_value, those of check_object().
  [[nodiscard]] static Result<ObjectFile> parse(const std::filesystem::path& name, Bytes image,
                                                Origin origin = Origin::installed);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::map<std::string, MapInfo>& maps() const { return maps_; }
  /// Types of its programs (BPF_PROG_TYPE_*) by name.
  [[nodiscard]] const std::map<std::string, bpf_prog_type>& programs() const { return programs_; }
  /// Layout of a map's key or value type; error when it was declared without types.
  [[nodiscard]] Result<Layout> key_layout(const std::string& map) const;
  [[nodiscard]] Result<Layout> value_layout(const std::string& map) const;
  /// Texts of the BTF declaration tags of a map's variable.
  [[nodiscard]] std::vector<std::string> tags(const std::string& map) const;
  /// Whether it has a constant (`const volatile` global) of this name.
  [[nodiscard]] bool has_constant(const std::string& name) const;

  /// Creates the maps and loads the programs.
  /// Errors: verifier_rejected with the log; invalid_value for an unknown constant or map; system.
  [[nodiscard]] Result<LoadedObject> load(const LoadOptions& options) const;

 private:
  struct BtfDeleter {
    void operator()(btf* types) const;
  };
  ObjectFile() = default;
  std::filesystem::path path_;
  Bytes image_;
  std::map<std::string, MapInfo> maps_;
  std::map<std::string, bpf_prog_type> programs_;
  std::shared_ptr<btf> types_;
};

}  // namespace polycube::bpf
