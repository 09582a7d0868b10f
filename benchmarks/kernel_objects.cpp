// SPDX-License-Identifier: Apache-2.0
#include "kernel_objects.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <set>
#include <vector>

#include "base/fd.h"

namespace polycube::bench {

namespace {

namespace fs = std::filesystem;

using Id = std::uint32_t;

struct Ids {
  std::set<Id> programs;
  std::set<Id> maps;
  std::set<Id> links;
  std::set<Id> types;
};

// What a descriptor is, as its fdinfo says. That of a link names its program as well.
void add_descriptor(const fs::path& fdinfo, Ids& ids) {
  std::ifstream file(fdinfo);
  std::map<std::string, Id> found;
  for (std::string line; std::getline(file, line);)
    if (const auto colon = line.find("_id:"); colon != std::string::npos)
      found[line.substr(0, colon)] = static_cast<Id>(std::strtoul(line.c_str() + colon + 4, nullptr, 10));
  if (found.contains("link")) {
    ids.links.insert(found["link"]);
    return;
  }
  if (found.contains("prog")) ids.programs.insert(found["prog"]);
  if (found.contains("map")) ids.maps.insert(found["map"]);
  if (found.contains("btf")) ids.types.insert(found["btf"]);
}

Result<std::size_t> add_pins(const fs::path& folder, Ids& ids) {
  std::size_t count = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_directory()) continue;
    const Fd object(bpf_obj_get(entry->path().c_str()));
    if (!object) return fail_errno(errno, fmt::format("cannot open {}", entry->path().string()));
    add_descriptor(fmt::format("/proc/self/fdinfo/{}", object.get()), ids);
    count++;
  }
  return count;
}

// Calls `visit(descriptor)` for each object of a kind; those that go meanwhile are passed over.
template <typename Visit>
void for_each_object(int (*next_id)(Id, Id*), int (*open)(Id), Visit visit) {
  for (Id id = 0; next_id(id, &id) == 0;)
    if (const Fd object(open(id)); object) visit(id, object.get());
}

struct Program {
  std::set<Id> maps;
  Id types = 0;
};

std::map<Id, Program> all_programs() {
  std::map<Id, Program> programs;
  for_each_object(bpf_prog_get_next_id, bpf_prog_get_fd_by_id, [&](Id id, int descriptor) {
    std::vector<Id> maps(64);  // a program has no more
    bpf_prog_info info{};
    info.nr_map_ids = static_cast<Id>(maps.size());
    info.map_ids = reinterpret_cast<std::uint64_t>(maps.data());
    Id size = sizeof(info);
    if (bpf_obj_get_info_by_fd(descriptor, &info, &size) < 0) return;
    maps.resize(std::min<std::size_t>(info.nr_map_ids, maps.size()));
    programs[id] = {{maps.begin(), maps.end()}, info.btf_id};
  });
  return programs;
}

// A program in a program array shares maps with those that lead there.
void add_related_programs(const std::map<Id, Program>& programs, Ids& ids) {
  for (bool more = true; more;) {
    more = false;
    for (const auto& [id, program] : programs) {
      const bool related = ids.programs.contains(id) || std::any_of(program.maps.begin(), program.maps.end(),
                                                                    [&](Id map) { return ids.maps.contains(map); });
      if (!related) continue;
      more = ids.programs.insert(id).second || more;
      for (const Id map : program.maps) more = ids.maps.insert(map).second || more;
    }
  }
}

Result<Id> types_of_map(Id map) {
  const Fd descriptor(bpf_map_get_fd_by_id(map));
  bpf_map_info info{};
  Id size = sizeof(info);
  if (!descriptor || bpf_obj_get_info_by_fd(descriptor.get(), &info, &size) < 0)
    return fail_errno(errno, fmt::format("cannot inspect map {}", map));
  return info.btf_id;
}

}  // namespace

std::string to_string(const KernelObjects& objects) {
  return fmt::format("{} programs, {} maps, {} links, {} BTF objects, {} pins", objects.programs, objects.maps,
                     objects.links, objects.types, objects.pins);
}

Result<KernelObjects> kernel_objects(pid_t process, const fs::path& pins) {
  Ids ids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fdinfo", process), error))
    add_descriptor(entry.path(), ids);
  if (error) return fail(ErrorCode::system, "cannot read the descriptors of process {}", process);
  PCN_ASSIGN(const std::size_t pinned, add_pins(pins, ids));
  const auto in_link = [&](Id id, int descriptor) {
    bpf_link_info info{};
    Id size = sizeof(info);
    const bool known = bpf_obj_get_info_by_fd(descriptor, &info, &size) == 0;
    if (!known) return;
    if (ids.links.contains(id)) ids.programs.insert(info.prog_id);
    if (ids.programs.contains(info.prog_id)) ids.links.insert(id);
  };
  for_each_object(bpf_link_get_next_id, bpf_link_get_fd_by_id, in_link);
  const auto programs = all_programs();
  add_related_programs(programs, ids);
  for_each_object(bpf_link_get_next_id, bpf_link_get_fd_by_id, in_link);
  for (const Id program : ids.programs)
    if (const auto found = programs.find(program); found != programs.end() && found->second.types != 0)
      ids.types.insert(found->second.types);
  for (const Id map : ids.maps) {
    PCN_ASSIGN(const Id types, types_of_map(map));
    if (types != 0) ids.types.insert(types);
  }
  return KernelObjects{ids.programs.size(), ids.maps.size(), ids.links.size(), ids.types.size(), pinned};
}

}  // namespace polycube::bench
