// SPDX-License-Identifier: Apache-2.0
#include "service/compiler.h"

#include <algorithm>
#include <cstring>

#include "base/child_process.h"

namespace polycube::service {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t max_source = std::size_t{1} << 20;

// PREFIX/share/polycube/include for PREFIX/bin/PROGRAM, installed or in a build tree.
fs::path own_headers() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().parent_path() / "share" / "polycube" / "include";
}

std::vector<std::string> sandbox_command(const CompilerTools& tools, const fs::path& headers) {
  return {tools.sandbox,
          "--unshare-all",
          "--die-with-parent",
          "--new-session",
          "--cap-drop",
          "ALL",
          "--ro-bind",
          "/usr",
          "/usr",
          "--symlink",
          "usr/lib",
          "/lib",
          "--symlink",
          "usr/lib64",
          "/lib64",
          "--symlink",
          "usr/bin",
          "/bin",
          "--ro-bind",
          fs::canonical(headers / "polycube"),
          "/polycube/polycube",
          "--tmpfs",
          "/tmp",
          "--chdir",
          "/tmp"};
}

std::vector<std::string> compiler_command(const CompilerTools& tools, control::Hook hook) {
  return {tools.clang,
          "-O2",
          "-g",
          "-target",
          "bpf",
          "-mcpu=v3",
          "-std=gnu11",
          "-Wall",
          "-Wextra",
          "-Wno-unused-parameter",
          "-fno-stack-protector",
          "-fno-color-diagnostics",
          "-ferror-limit=20",
          "-I/polycube",
          std::string("-I/usr/include/") + POLYCUBE_MULTIARCH,
          hook == control::Hook::tc ? "-DPCN_HOOK_TC" : "-DPCN_HOOK_XDP",
          "-x",
          "c",
          "-c",
          "-",
          "-o",
          "-"};
}

// The compiler's "<stdin>:3:5: error: ..." as "source:3:5: error: ...".
std::string name_source(std::string text) {
  constexpr std::string_view stdin_name = "<stdin>";
  for (std::size_t at = text.find(stdin_name); at != std::string::npos; at = text.find(stdin_name, at))
    text.replace(at, stdin_name.size(), "source");
  return text;
}

std::string first_error(const std::string& diagnostics) {
  std::size_t at = diagnostics.find("error: ");
  if (at == std::string::npos) at = 0;
  const std::size_t begin = at == 0 ? 0 : diagnostics.rfind('\n', at) + 1;
  return diagnostics.substr(begin, diagnostics.find('\n', at) - begin);
}

Result<control::Bytes> object_of(ChildResult result) {
  using Ending = ChildResult::Ending;
  switch (result.ending) {
    case Ending::exited: break;
    case Ending::took_too_long:
      return fail(ErrorCode::limit_exceeded, "the compiler took too long for the source, and was stopped");
    case Ending::wrote_too_much:
      return fail(ErrorCode::limit_exceeded, "the compiler made too large an object of the source");
    case Ending::killed:
      return fail(ErrorCode::limit_exceeded, "the compiler was killed ({}): the source is too much for it",
                  ::strsignal(result.status));
  }
  if (result.status != 0) {
    const std::string diagnostics = name_source(std::move(result.errors));
    if (diagnostics.starts_with("bwrap: "))
      return fail(ErrorCode::unsupported_feature, "the compiler's sandbox cannot be made here: {}",
                  diagnostics.substr(0, diagnostics.find('\n')));
    return tl::unexpected<Error>(Error{ErrorCode::invalid_value,
                                       fmt::format("the source does not compile: {}", first_error(diagnostics)),
                                       {},
                                       diagnostics});
  }
  const auto bytes = std::as_bytes(std::span(result.output));
  return control::Bytes(bytes.begin(), bytes.end());
}

Result<control::Bytes> compile_for(const std::string& source, control::Hook hook, const CompilerTools& tools,
                                   const fs::path& headers) {
  std::vector<std::string> command = sandbox_command(tools, headers);
  const std::vector<std::string> compiler = compiler_command(tools, hook);
  command.insert(command.end(), compiler.begin(), compiler.end());
  PCN_ASSIGN(ChildResult result,
             run_child(command, {"LC_ALL=C.UTF-8"}, source, {.time = tools.time, .processor_time = tools.time}));
  return object_of(std::move(result));
}

Result<> check_tools(const CompilerTools& tools, const fs::path& headers) {
  std::error_code error;
  for (const auto& [path, package] : {std::pair(tools.clang, "clang-19"), std::pair(tools.sandbox, "bubblewrap"),
                                      std::pair(fs::path("/usr/include/bpf/bpf_helpers.h"), "libbpf-dev"),
                                      std::pair(fs::path("/usr/include/linux/bpf.h"), "linux-libc-dev")})
    if (!fs::exists(path, error))
      return fail(
          ErrorCode::unsupported_feature,
          "C source cannot be compiled here, there is no {}: install the package {}, or compile the program ahead",
          path.string(), package);
  if (!fs::exists(headers / "polycube" / "cube.h", error))
    return fail(ErrorCode::unsupported_feature,
                "C source cannot be compiled here: the SDK's headers are not installed");
  return {};
}

}  // namespace

Result<control::Code> compile(const control::Code& code, control::Hook hook, const control::Program& program,
                              const CompilerTools& tools) {
  if (code.source.empty()) return code;
  if (code.source.size() > max_source)
    return fail(ErrorCode::limit_exceeded, "the source has {} bytes; {} are allowed", code.source.size(), max_source);
  const fs::path headers = tools.headers.empty() ? own_headers() : tools.headers;
  PCN_TRY(check_tools(tools, headers));
  // Packets of the host leave the devices of XDP cubes at the TC hook.
  const bool has_way_out = program.index == 0 || program.direction == control::Direction::egress;
  control::Code compiled;
  if (hook == control::Hook::xdp) {
    PCN_ASSIGN(compiled.xdp_object, compile_for(code.source, control::Hook::xdp, tools, headers));
  }
  if (hook == control::Hook::tc || has_way_out) {
    PCN_ASSIGN(compiled.tc_object, compile_for(code.source, control::Hook::tc, tools, headers));
  }
  return compiled;
}

}  // namespace polycube::service
