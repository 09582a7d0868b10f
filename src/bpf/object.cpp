// SPDX-License-Identifier: Apache-2.0
#include "bpf/object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>

#include "base/log.h"
#include "bpf/constants.h"
#include "bpf/dead_code.h"
#include "bpf/instruction.h"
#include "bpf/object_check.h"
#include "bpf/verifier_log.h"

namespace polycube::bpf {

namespace {

struct ObjectDeleter {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectPointer = std::unique_ptr<bpf_object, ObjectDeleter>;

// libbpf reports on a callback; what matters comes back as an error, the rest is for debugging.
int print_to_log(libbpf_print_level, const char* format, va_list arguments) {
  if (!spdlog::should_log(spdlog::level::trace)) return 0;
  char line[512];
  int length = std::vsnprintf(line, sizeof(line), format, arguments);
  std::string_view text(line, std::min<std::size_t>(length > 0 ? length : 0, sizeof(line) - 1));
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  log::trace("libbpf: {}", text);
  return 0;
}

bool is_internal(const bpf_map* map) { return bpf_map__name(map)[0] == '.' || std::strchr(bpf_map__name(map), '.'); }

MapInfo info_of(const bpf_map* map) {
  return {.name = bpf_map__name(map),
          .type = bpf_map__type(map),
          .key_size = bpf_map__key_size(map),
          .value_size = bpf_map__value_size(map),
          .max_entries = bpf_map__max_entries(map),
          .flags = bpf_map__map_flags(map),
          .btf_key_type = bpf_map__btf_key_type_id(map),
          .btf_value_type = bpf_map__btf_value_type_id(map)};
}

struct Location {
  bpf_map* map;
  std::uint32_t offset;
  std::uint32_t size;
};

// Damaged type information has names and types that are nowhere.
std::string_view name_of(const btf* types, const btf_type* type) {
  const char* name = type == nullptr ? nullptr : btf__name_by_offset(types, type->name_off);
  return name != nullptr ? name : "";
}

// A constant in BTF, which describes the section that holds it; null when there is none.
const btf_var_secinfo* section_variable(const btf* types, const std::string& name) {
  const std::int32_t section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
  if (section < 0) return nullptr;
  const btf_type* type = btf__type_by_id(types, static_cast<__u32>(section));
  const btf_var_secinfo* variables = btf_var_secinfos(type);
  for (int i = 0; i < btf_vlen(type); i++) {
    const btf_type* variable = btf__type_by_id(types, variables[i].type);
    if (name == name_of(types, variable)) return &variables[i];
  }
  return nullptr;
}

Result<Location> find_constant(bpf_object* object, const std::string& name) {
  bpf_map* map = bpf_object__find_map_by_name(object, ".rodata");
  const btf_var_secinfo* variable = section_variable(bpf_object__btf(object), name);
  if (variable == nullptr || map == nullptr)
    return fail(ErrorCode::invalid_value, "the object has no constant {}", name);
  std::size_t size = 0;
  if (bpf_map__initial_value(map, &size) == nullptr || std::size_t{variable->offset} + variable->size > size)
    return fail(ErrorCode::invalid_value, "constant {} is outside its section", name);
  return Location{map, variable->offset, variable->size};
}

Result<> set_constant(bpf_object* object, const std::string& name, std::span<const std::byte> value) {
  PCN_ASSIGN(const Location location, find_constant(object, name));
  if (location.size != value.size())
    return fail(ErrorCode::invalid_value,
                "constant {} has {} bytes, not {}: compile it against this version of the SDK", name, location.size,
                value.size());
  std::size_t size = 0;
  auto* image = static_cast<std::byte*>(const_cast<void*>(bpf_map__initial_value(location.map, &size)));
  std::memcpy(image + location.offset, value.data(), value.size());
  return {};
}

// What load() does to the instructions of the programs, once libbpf has put the maps' descriptors into them.
struct Folding {
  const bpf_map* constants = nullptr;
  struct Original {
    std::vector<bpf_insn> code;
    // As they are loaded; libbpf has their addresses meanwhile.
    std::vector<bpf_func_info> functions;
    std::vector<bpf_line_info> lines;
  };
  std::map<std::string, Original> originals;  ///< by program
};

// libbpf hands a callback the program and nothing else.
thread_local Folding* current_folding = nullptr;

std::span<const std::byte> initial_value(const bpf_map* map) {
  std::size_t size = 0;
  const void* bytes = bpf_map__initial_value(const_cast<bpf_map*>(map), &size);
  return {static_cast<const std::byte*>(bytes), bytes == nullptr ? 0 : size};
}

std::vector<bpf_insn> instructions_of(const bpf_program* program) {
  const bpf_insn* first = bpf_program__insns(program);
  return {first, first + bpf_program__insn_cnt(program)};
}

template <typename Record>
std::vector<Record> records(const void* first, std::uint32_t count, std::uint32_t size) {
  if (first == nullptr || size != sizeof(Record)) return {};
  const auto* begin = static_cast<const Record*>(first);
  return {begin, begin + count};
}

int fold_before_load(bpf_program* program, bpf_prog_load_opts* options, long) {
  if (current_folding == nullptr || current_folding->constants == nullptr) return 0;
  const bpf_map* constants = current_folding->constants;
  Folding::Original& original = current_folding->originals[bpf_program__name(program)];
  std::vector<bpf_insn> code = original.code = instructions_of(program);
  original.functions = records<bpf_func_info>(options->func_info, options->func_info_cnt, options->func_info_rec_size);
  original.lines = records<bpf_line_info>(options->line_info, options->line_info_cnt, options->line_info_rec_size);
  // Of another version than this was compiled for: both go, or neither fits.
  if (original.functions.size() != options->func_info_cnt || original.lines.size() != options->line_info_cnt) return 0;
  fold_constants(code, {bpf_map__fd(constants), initial_value(constants)});
  const Removal removal = remove_dead_code(code);
  move_functions(removal, original.functions);
  move_lines(removal, static_cast<std::uint32_t>(code.size()), original.lines);
  options->func_info = original.functions.data();
  options->func_info_cnt = static_cast<__u32>(original.functions.size());
  options->line_info = original.lines.data();
  options->line_info_cnt = static_cast<__u32>(original.lines.size());
  return bpf_program__set_insns(program, code.data(), code.size());
}

void register_fold_before_load() {
  LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_prepare_load_fn = fold_before_load);
  (void)libbpf_register_prog_handler("xdp", BPF_PROG_TYPE_XDP, BPF_XDP, &options);
  (void)libbpf_register_prog_handler("tc", BPF_PROG_TYPE_SCHED_CLS, bpf_attach_type{}, &options);
}

Result<ObjectPointer> open(const std::filesystem::path& path, const Bytes& image) {
  static std::once_flag once;
  std::call_once(once, [] {
    libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    libbpf_set_print(print_to_log);
    register_fold_before_load();
  });
  const std::string name = path.stem().string();
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name.c_str());
  bpf_object* object = bpf_object__open_mem(image.data(), image.size(), &options);
  if (object == nullptr) {
    if (errno == ENOMEM) return fail_errno(errno, fmt::format("cannot open {}", path.string()));
    char reason[128];
    libbpf_strerror(errno, reason, sizeof(reason));
    return fail(ErrorCode::invalid_value, "{} is not a usable BPF object, it may be damaged: {}", path.string(),
                reason);
  }
  return ObjectPointer(object);
}

// Loads of constants that stay in the code read the variant's own: a map that the program keeps once it is loaded. Empty
// when there are none.
Result<Map> read_from_own_map(std::vector<bpf_insn>& code, const bpf_map* shared, const Bytes& constants) {
  std::vector<bpf_insn*> addresses;
  for (bpf_insn& instruction : code)
    if (instruction.code == load_address && instruction.src_reg == BPF_PSEUDO_MAP_VALUE &&
        instruction.imm == bpf_map__fd(shared))
      addresses.push_back(&instruction);
  if (addresses.empty()) return Map();
  MapInfo info = info_of(shared);
  info.name = ".rodata";
  info.btf_key_type = info.btf_value_type = 0;
  PCN_ASSIGN(Map own, Map::create(info));
  const __u32 zero = 0;
  PCN_TRY(own.update(std::as_bytes(std::span(&zero, 1)), constants));
  if (bpf_map_freeze(own.fd()) < 0) return fail_errno(errno, "cannot freeze the constants of a program");
  for (bpf_insn* address : addresses) address->imm = own.fd();
  return own;
}

// A program as libbpf relocated it, with two bytes of a constant replaced. Nothing when it cannot be made that way.
Result<std::optional<Program>> load_variant(bpf_object* object, const Folding& folding, const Variant& variant) {
  PCN_ASSIGN(const Location location, find_constant(object, variant.constant));
  const bpf_program* program = bpf_object__find_program_by_name(object, variant.program.c_str());
  auto original = folding.originals.find(variant.program);
  if (program == nullptr || original == folding.originals.end())
    return fail(ErrorCode::invalid_value, "the object has no program {}", variant.program);
  if (variant.offset + sizeof(variant.value) > location.size)
    return fail(ErrorCode::invalid_value, "constant {} has only {} bytes", variant.constant, location.size);
  const auto bytes = initial_value(location.map);
  Bytes constants(bytes.begin(), bytes.end());
  std::memcpy(constants.data() + location.offset + variant.offset, &variant.value, sizeof(variant.value));
  std::vector<bpf_insn> code = original->second.code;
  fold_constants(code, {bpf_map__fd(location.map), constants});
  (void)remove_dead_code(code);
  PCN_ASSIGN(const Map own, read_from_own_map(code, location.map, constants));
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = bpf_program__expected_attach_type(program));
  const int fd = bpf_prog_load(bpf_program__type(program), variant.program.c_str(), "Dual BSD/GPL", code.data(),
                               code.size(), &options);
  // Callbacks need function information that libbpf keeps to itself.
  if (fd < 0) return std::nullopt;
  return Program(Fd(fd));
}

// libbpf goes on without types when the kernel has no memory for them. A table without could not be told from those that
// are declared otherwise by the next daemon, which would then begin with an empty one.
bool lost_types(const MapInfo& made, const MapInfo& declared) {
  return declared.btf_value_type != 0 && made.btf_value_type == 0 && Map(Fd(), declared).has_elements();
}

}  // namespace

void ObjectFile::BtfDeleter::operator()(btf* types) const { btf__free(types); }

Result<ObjectFile> ObjectFile::read(const std::filesystem::path& path, Origin origin) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail_errno(errno, fmt::format("cannot read {}", path.string()));
  Bytes image(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(image.data()), static_cast<std::streamsize>(image.size())))
    return fail_errno(errno, fmt::format("cannot read {}", path.string()));
  return parse(path, std::move(image), origin);
}

Result<ObjectFile> ObjectFile::parse(const std::filesystem::path& path, Bytes image, Origin origin) {
  if (origin == Origin::outside) PCN_TRY(check_object(path, image));
  ObjectFile result;
  result.path_ = path;
  result.image_ = std::move(image);
  PCN_ASSIGN(ObjectPointer object, open(path, result.image_));
  const btf* types = bpf_object__btf(object.get());
  if (types == nullptr)
    return fail(ErrorCode::invalid_value, "{} has no type information; compile it with -g", path.string());
  __u32 size = 0;
  const void* raw = btf__raw_data(types, &size);
  result.types_ = std::shared_ptr<btf>(btf__new(raw, size), BtfDeleter());
  if (result.types_ == nullptr)
    return fail_errno(errno, fmt::format("cannot use the type information of {}", path.string()));
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    if (!is_internal(map)) result.maps_.emplace(bpf_map__name(map), info_of(map));
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    result.programs_.emplace(bpf_program__name(program), bpf_program__type(program));
  }
  return result;
}

Result<Layout> ObjectFile::key_layout(const std::string& map) const {
  auto found = maps_.find(map);
  if (found == maps_.end()) return fail(ErrorCode::data_missing, "{} has no table {}", path_.string(), map);
  return layout_of(types_.get(), found->second.btf_key_type);
}

Result<Layout> ObjectFile::value_layout(const std::string& map) const {
  auto found = maps_.find(map);
  if (found == maps_.end()) return fail(ErrorCode::data_missing, "{} has no table {}", path_.string(), map);
  return layout_of(types_.get(), found->second.btf_value_type);
}

std::vector<std::string> ObjectFile::tags(const std::string& map) const {
  std::vector<std::string> tags;
  const btf* types = types_.get();
  for (__u32 id = 1; id < btf__type_cnt(types); id++) {
    const btf_type* tag = btf__type_by_id(types, id);
    if (!btf_is_decl_tag(tag) || btf_decl_tag(tag)->component_idx != -1) continue;
    const btf_type* variable = btf__type_by_id(types, tag->type);
    if (variable != nullptr && btf_is_var(variable) && map == name_of(types, variable))
      tags.emplace_back(name_of(types, tag));
  }
  return tags;
}

bool ObjectFile::has_constant(const std::string& name) const { return section_variable(types_.get(), name) != nullptr; }

Result<LoadedObject> ObjectFile::load(const LoadOptions& options) const {
  PCN_ASSIGN(ObjectPointer object, open(path_, image_));
  for (const auto& [name, value] : options.constants) PCN_TRY(set_constant(object.get(), name, value));
  std::set<const bpf_map*> reused;  // libbpf renames them to what the kernel calls them
  for (const auto& [name, fd] : options.maps) {
    bpf_map* map = bpf_object__find_map_by_name(object.get(), name.c_str());
    if (map == nullptr) continue;  // shared maps that this object does not use
    if (bpf_map__reuse_fd(map, fd) < 0)
      return fail_errno(errno, fmt::format("{} cannot use the shared table {}", path_.string(), name));
    reused.insert(map);
  }
  // Not initialised: most programs are accepted and nobody writes into it.
  constexpr std::size_t log_size = 1 << 20;
  const auto verifier_log = std::make_unique_for_overwrite<char[]>(log_size);
  verifier_log[0] = '\0';
  bpf_program* program = nullptr;
  const auto is_wanted = [&](const bpf_program* one) {
    const auto& wanted = options.programs;
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), bpf_program__name(one)) != wanted.end();
  };
  bpf_object__for_each_program(program, object.get()) {
    bpf_program__set_autoload(program, is_wanted(program));
    bpf_program__set_log_buf(program, verifier_log.get(), log_size);
  }
  Folding folding{.constants = bpf_object__find_map_by_name(object.get(), ".rodata"), .originals = {}};
  current_folding = &folding;
  const int error = bpf_object__load(object.get());
  current_folding = nullptr;
  if (error < 0) {
    if (verifier_log[0] == '\0') return fail_errno(-error, fmt::format("cannot load {}", path_.string()));
    const std::string reason = explain(verifier_log.get());
    Error rejected{ErrorCode::verifier_rejected,
                   fmt::format("the kernel refused the program of {}: {}", path_.string(),
                               reason.empty() ? std::strerror(-error) : reason),
                   {},
                   verifier_log.get()};
    return tl::unexpected<Error>(std::move(rejected));
  }
  const bool types_taken = bpf_object__btf_fd(object.get()) >= 0;
  LoadedObject loaded;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    const std::string name = bpf_map__name(map);
    if (reused.contains(map) || name.ends_with(".rodata")) continue;
    PCN_ASSIGN(Fd fd, Fd::duplicate(bpf_map__fd(map)));
    // Sections are known by what the source calls them: ".data", ".bss".
    const std::string key = is_internal(map) ? name.substr(name[0] == '.' ? 0 : name.rfind('.')) : name;
    MapInfo info = info_of(map);
    const auto declared = maps_.find(key);
    if (!types_taken || (declared != maps_.end() && lost_types(info, declared->second)))
      return fail(ErrorCode::system, "the kernel did not take the types of table {} of {}: it may be short of memory",
                  key, path_.string());
    info.name = key;
    loaded.maps.emplace(key, Map(std::move(fd), std::move(info)));
  }
  bpf_object__for_each_program(program, object.get()) {
    if (!is_wanted(program)) continue;
    PCN_ASSIGN(Fd fd, Fd::duplicate(bpf_program__fd(program)));
    loaded.programs.emplace(bpf_program__name(program), Program(std::move(fd)));
  }
  for (const Variant& variant : options.variants) {
    PCN_ASSIGN(auto made, load_variant(object.get(), folding, variant));
    if (!made) {
      loaded.variants.clear();
      break;
    }
    loaded.variants.push_back(std::move(*made));
  }
  return loaded;
}

}  // namespace polycube::bpf
