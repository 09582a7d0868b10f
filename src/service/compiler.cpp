// SPDX-License-Identifier: Apache-2.0
#include "service/compiler.h"

#include <algorithm>
#include <cstring>

#include "base/child_process.h"
#include "base/folder.h"

namespace polycube::service {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t max_source = std::size_t{1} << 20;

// PREFIX/share/polycube/include for PREFIX/bin/PROGRAM, installed or in a build tree.
fs::path own_headers() { return own_prefix() / "share" / "polycube" / "include"; }

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

tl::unexpected<Error> killed_by(int signal) {
  return fail(ErrorCode::limit_exceeded, "the compiler was killed ({}): the source is too much for it",
              ::strsignal(signal));
}

tl::unexpected<Error> took_too_long(milliseconds limit) {
  return fail(ErrorCode::limit_exceeded,
              "the compiler took too long for the source, and was stopped: it may take {:g} s here for all objects",
              std::chrono::duration<double>(limit).count());
}

// How a compiler failed that came to its end.
tl::unexpected<Error> failure_of(int status, std::string errors) {
  constexpr int of_signals = 128;  // the sandbox ends with this and the signal's number when the compiler was killed
  const std::string diagnostics = name_source(std::move(errors));
  if (diagnostics.starts_with("bwrap: "))
    return fail(ErrorCode::unsupported_feature, "the compiler's sandbox cannot be made here: {}",
                diagnostics.substr(0, diagnostics.find('\n')));
  // At the beginning of a line: quoted source is not.
  if (('\n' + diagnostics).find("\nLLVM ERROR: out of memory") != std::string::npos)
    return fail(ErrorCode::limit_exceeded, "the source needs more memory than the compiler may use ({} MiB)",
                ChildLimits{}.memory >> 20);
  if (status > of_signals) return killed_by(status - of_signals);
  if (diagnostics.empty())
    return fail(ErrorCode::limit_exceeded, "the compiler failed with status {} and did not say why", status);
  return tl::unexpected<Error>(Error{ErrorCode::invalid_value,
                                     fmt::format("the source does not compile: {}", first_error(diagnostics)),
                                     {},
                                     diagnostics});
}

Result<control::Bytes> object_of(ChildResult result, milliseconds limit) {
  using Ending = ChildResult::Ending;
  switch (result.ending) {
    case Ending::exited: break;
    case Ending::took_too_long: return took_too_long(limit);
    case Ending::wrote_too_much:
      return fail(ErrorCode::limit_exceeded, "the compiler made too large an object of the source");
    case Ending::killed: return killed_by(result.status);
  }
  if (result.status != 0) return failure_of(result.status, std::move(result.errors));
  const auto bytes = std::as_bytes(std::span(result.output));
  return control::Bytes(bytes.begin(), bytes.end());
}

Result<control::Bytes> compile_for(const std::string& source, control::Hook hook, const CompilerTools& tools,
                                   const fs::path& headers, Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
  if (left <= milliseconds(0)) return took_too_long(tools.time);
  std::vector<std::string> command = sandbox_command(tools, headers);
  const std::vector<std::string> compiler = compiler_command(tools, hook);
  command.insert(command.end(), compiler.begin(), compiler.end());
  PCN_ASSIGN(ChildResult result,
             run_child(command, {"LC_ALL=C.UTF-8"}, source,
                       {.time = left, .processor_time = std::chrono::ceil<std::chrono::seconds>(left)}));
  return object_of(std::move(result), tools.time);
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

Result<> check_kind(const control::Code& code) {
  const bool objects = !code.tc_object.empty() || !code.xdp_object.empty();
  if (!code.name.empty() + !code.source.empty() + objects <= 1) return {};
  return fail(ErrorCode::invalid_value,
              "the code of a program is a name in the package, source, or objects: give one of them, not several");
}

Result<control::Code> compile(const control::Code& code, control::Hook hook, const control::Program& program,
                              const CompilerTools& tools) {
  const Clock::time_point deadline = Clock::now() + tools.time;
  PCN_TRY(check_kind(code));
  if (code.source.empty()) return code;
  if (code.source.size() > max_source)
    return fail(ErrorCode::limit_exceeded, "the source has {} bytes; {} are allowed", code.source.size(), max_source);
  const fs::path headers = tools.headers.empty() ? own_headers() : tools.headers;
  PCN_TRY(check_tools(tools, headers));
  // Packets of the host leave the devices of XDP cubes at the TC hook.
  const bool has_way_out = program.index == 0 || program.direction == control::Direction::egress;
  control::Code compiled;
  if (hook == control::Hook::xdp) {
    PCN_ASSIGN(compiled.xdp_object, compile_for(code.source, control::Hook::xdp, tools, headers, deadline));
  }
  if (hook == control::Hook::tc || has_way_out) {
    PCN_ASSIGN(compiled.tc_object, compile_for(code.source, control::Hook::tc, tools, headers, deadline));
  }
  return compiled;
}

}  // namespace polycube::service
