// SPDX-License-Identifier: Apache-2.0
#include "model/schema.h"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <sstream>

#include "model/datastore.h"
#include "model/details.h"
#include "model/yang.h"

namespace polycube::model {

namespace {

/// libyang's log options are the process's; errors are to be kept in the context, all of them, and never printed.
void silence_libyang() {
  static std::once_flag once;
  std::call_once(once, [] { ly_log_options(LY_LOSTORE); });
}

std::string libyang_errors(ly_ctx* context) {
  std::string text;
  for (const ly_err_item* item = ly_err_first(context); item; item = item->next) {
    if (item->level != LY_LLERR || !item->msg) continue;
    std::string line = item->msg;
    while (!line.empty() && (line.back() == '.' || line.back() == '\n')) line.pop_back();
    if (item->path && *item->path) line += std::string(" (") + item->path + ")";
    if (text.find(line) == std::string::npos) text += (text.empty() ? "" : "; ") + line;
  }
  ly_err_clean(context, nullptr);
  return text.empty() ? "libyang gives no reason" : text;
}

Result<std::string> read_text(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) return fail(ErrorCode::not_found, "cannot read {}", file.string());
  return text.str();
}

/// Parses a module from a file; lookups of imports go to the folders of the context.
Result<const lys_module*> parse_module(ly_ctx* context, const std::filesystem::path& file, const Schema::Texts& texts,
                                       Schema::Details& details) {
  const auto known = texts.find(file.stem().string());
  PCN_ASSIGN(const std::string text, known == texts.end() ? read_text(file) : Result<std::string>(known->second));
  if (text.find('\0') != std::string::npos)
    return fail(ErrorCode::malformed_message, "{}: not a text file", file.string());
  ly_in* input = nullptr;
  if (ly_in_new_memory(text.c_str(), &input) != LY_SUCCESS)
    return fail(ErrorCode::limit_exceeded, "{}: out of memory", file.string());
  lys_module* module = nullptr;
  ly_err_clean(context, nullptr);
  const LY_ERR error = lys_parse(context, input, LYS_IN_YANG, nullptr, &module);
  ly_in_free(input, 0);
  if (error != LY_SUCCESS || !module || !module->compiled)
    return fail(ErrorCode::malformed_message, "{}: {}", file.string(), libyang_errors(context));
  details.sources[module->name] = text;
  return module;
}

Result<> check_supported(const lysc_node* node) {
  if (node->nodetype & (LYS_ANYDATA | LYS_ANYXML))
    return fail(ErrorCode::operation_not_supported, "{}: anydata and anyxml are not supported", schema_path(node));
  if (node->nodetype == LYS_LIST && key_leaves(node).size() > max_list_keys)
    return fail(ErrorCode::operation_not_supported, "{}: a list has at most {} keys", schema_path(node), max_list_keys);
  if ((node->nodetype & (LYS_LEAF | LYS_LEAFLIST)) == 0) {
    for (const lysc_node* child : children(node)) PCN_TRY(check_supported(child));
  }
  return {};
}

/// The top-level list of a service, if the module is one.
Result<const lysc_node*> service_list(const lys_module* module) {
  const auto nodes = top_level(module);
  if (nodes.size() != 1 || nodes.front()->nodetype != LYS_LIST || std::string_view(nodes.front()->name) != module->name)
    return fail(ErrorCode::invalid_value,
                "module {} is no service: its only top-level data node must be a list called {}", module->name,
                module->name);
  const lysc_node* list = nodes.front();
  const auto keys = key_leaves(list);
  if (keys.size() != 1 || std::string_view(keys.front()->name) != "name")
    return fail(ErrorCode::invalid_value, "module {} is no service: the key of its list must be 'name'", module->name);
  if (!is_config(list))
    return fail(ErrorCode::invalid_value, "module {} is no service: its list must be configuration", module->name);
  for (const char* leaf : {"uuid", "service-name", "type", "loglevel", "drops"}) {
    if (!find_child(list, "", leaf))
      return fail(ErrorCode::invalid_value,
                  "module {} is no service: its list has no '{}' (does it use pcn:standard-cube?)", module->name, leaf);
  }
  return list;
}

Result<std::vector<std::string>> reasons(const lys_module* module, const char* statement) {
  std::istringstream text(extension(module->compiled->exts, statement).value_or(""));
  std::vector<std::string> names;
  for (std::string name; text >> name;) {
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
      return fail(ErrorCode::invalid_value,
                  "module {}: pcn:{} has names of lower-case letters, digits and '-', not '{}'", module->name,
                  statement, name);
    if (std::find(names.begin(), names.end(), name) != names.end())
      return fail(ErrorCode::invalid_value, "module {}: pcn:{} has {} twice", module->name, statement, name);
    names.push_back(std::move(name));
  }
  return names;
}

Result<ServiceModel> make_service(const lys_module* module, const Schema::Details& details) {
  const auto description = extension(module->compiled->exts, "service");
  if (!description)
    return fail(ErrorCode::invalid_value, "module {} is no service: it has no pcn:service", module->name);
  ServiceModel service;
  service.name = module->name;
  service.description = *description;
  service.version = extension(module->compiled->exts, "service-version").value_or("");
  service.loop_safe = extension(module->compiled->exts, "loop-safe").has_value();
  service.logs_packets = extension(module->compiled->exts, "logs-packets").has_value();
  PCN_ASSIGN(service.slow_path_reasons, reasons(module, "slow-path-reasons"));
  PCN_ASSIGN(service.drop_reasons, reasons(module, "drop-reasons"));
  service.place = extension(module->compiled->exts, "place").value_or("");
  if (!service.place.empty() && service.place != "inner" && service.place != "outer")
    return fail(ErrorCode::invalid_value, "module {}: pcn:place is 'inner' or 'outer', not '{}'", module->name,
                service.place);
  PCN_ASSIGN(service.list, service_list(module));
  service.transparent = find_child(service.list, "", "ports") == nullptr;
  PCN_TRY(check_supported(service.list));
  PCN_TRY(derive_bindings(details, service));
  PCN_TRY(derive_metrics(service));
  return service;
}

Result<const lys_module*> load_base(ly_ctx* context, const std::filesystem::path& yang_dir, const Schema::Texts& texts,
                                    Schema::Details& details) {
  PCN_ASSIGN([[maybe_unused]] const lys_module* extensions,
             parse_module(context, yang_dir / "polycube-base.yang", texts, details));
  PCN_ASSIGN([[maybe_unused]] const lys_module* access,
             parse_module(context, yang_dir / "ietf-netconf-acm.yang", texts, details));
  return parse_module(context, yang_dir / "polycube.yang", texts, details);
}

nlohmann::json describe_all(const Schema& schema, const Schema::Details& details) {
  nlohmann::json result = {{"services", nlohmann::json::object()},
                           {"polycube", {{"rpcs", nlohmann::json::array()}, {"containers", nlohmann::json::array()}}}};
  for (const auto& service : schema.services()) {
    nlohmann::json node = describe(details, service.list);
    node["description"] = service.description;
    node["version"] = service.version;
    node["module"] = service.name;
    result["services"][service.name] = std::move(node);
  }
  const lys_module* base = ly_ctx_get_module_implemented(schema.context(), "polycube");
  for (const lysc_node* node : top_level(base)) result["polycube"]["containers"].push_back(describe(details, node));
  const lys_module* access = ly_ctx_get_module_implemented(schema.context(), access_id.service.c_str());
  for (const lysc_node* node : top_level(access)) {
    nlohmann::json container = describe(details, node);
    container["module"] = access->name;
    result["polycube"]["containers"].push_back(std::move(container));
  }
  for (const auto* rpc = base->compiled->rpcs; rpc; rpc = reinterpret_cast<const lysc_node_action*>(rpc->next))
    result["polycube"]["rpcs"].push_back(describe(details, &rpc->node));
  return result;
}

}  // namespace

Schema::Schema() : details_(std::make_unique<Details>()) {}

Schema::~Schema() {
  if (context_) ly_ctx_destroy(context_);
}

/// One attempt with the modules given. The first service that cannot be used is added to `failures` and ends the
/// attempt with null: a module cannot be taken out of a libyang context, so the caller starts anew without it.
Result<std::shared_ptr<Schema>> Schema::build(const std::filesystem::path& yang_dir,
                                              const std::vector<std::filesystem::path>& service_modules,
                                              const Texts& texts, std::vector<Failure>& failures) {
  std::shared_ptr<Schema> schema(new Schema);
  const std::uint16_t options = LY_CTX_SET_PRIV_PARSED | LY_CTX_DISABLE_SEARCHDIR_CWD;
  if (ly_ctx_new(yang_dir.c_str(), options, &schema->context_) != LY_SUCCESS)
    return fail(ErrorCode::not_found, "cannot use {} as the folder of the base YANG modules", yang_dir.string());
  Details& details = *schema->details_;
  PCN_ASSIGN(const lys_module* base, load_base(schema->context_, yang_dir, texts, details));
  std::vector<const lys_module*> modules;
  for (const auto& file : service_modules) {
    const std::size_t known = details.sources.size();
    auto module = parse_module(schema->context_, file, texts, details);
    if (module && details.sources.size() == known)
      module = fail(ErrorCode::data_exists, "{}: there is already a module called {}", file.string(), (*module)->name);
    if (!module) {
      failures.push_back({file, module.error()});
      return std::shared_ptr<Schema>();
    }
    modules.push_back(*module);
  }
  // Only now: libyang may compile modules again, at other addresses, while more are added.
  derive_details(base, details);
  derive_details(ly_ctx_get_module_implemented(schema->context_, access_id.service.c_str()), details);
  for (std::size_t i = 0; i < modules.size(); ++i) {
    derive_details(modules[i], details);
    derive_standalone(modules[i], details);
    auto service = make_service(modules[i], details);
    if (!service) {
      service.error().message = fmt::format("{}: {}", service_modules[i].string(), service.error().message);
      failures.push_back({service_modules[i], service.error()});
      return std::shared_ptr<Schema>();
    }
    schema->services_.push_back(std::move(*service));
  }
  return schema;
}

Result<std::shared_ptr<const Schema>> Schema::load(const std::filesystem::path& yang_dir,
                                                   const std::vector<std::filesystem::path>& service_modules,
                                                   const Texts& texts) {
  silence_libyang();
  std::vector<std::filesystem::path> usable = service_modules;
  std::vector<Failure> failures;
  for (;;) {
    PCN_ASSIGN(std::shared_ptr<Schema> schema, build(yang_dir, usable, texts, failures));
    if (schema) {
      schema->failures_ = std::move(failures);
      schema->description_ = describe_all(*schema, *schema->details_);
      return std::shared_ptr<const Schema>(std::move(schema));
    }
    // The last one of equal names: the same file given twice fails for its second mention only.
    const auto bad = std::find(usable.rbegin(), usable.rend(), failures.back().file);
    usable.erase(std::next(bad).base());
  }
}

const ServiceModel* Schema::service(std::string_view name) const {
  for (const auto& service : services_) {
    if (service.name == name) return &service;
  }
  return nullptr;
}

const Schema::Texts& Schema::texts() const { return details_->sources; }

Result<std::string> Schema::source(const std::string& module) const {
  const auto found = details_->sources.find(module);
  if (found != details_->sources.end()) return found->second;
  const lys_module* loaded = ly_ctx_get_module_implemented(context_, module.c_str());
  if (!loaded) loaded = ly_ctx_get_module_latest(context_, module.c_str());
  if (!loaded) return fail(ErrorCode::not_found, "there is no module called {}", module);
  char* text = nullptr;
  if (lys_print_mem(&text, loaded, LYS_OUT_YANG, 0) != LY_SUCCESS)
    return fail(ErrorCode::system, "module {} cannot be printed", module);
  return std::string(TextPtr(text).get());
}

}  // namespace polycube::model
