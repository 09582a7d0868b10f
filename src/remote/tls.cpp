// SPDX-License-Identifier: Apache-2.0
#include "remote/tls.h"

#include <fstream>
#include <sstream>

namespace polycube::remote {

namespace {

Result<std::string> read_text(const std::filesystem::path& file, const char* what) {
  if (file.empty())
    return fail(ErrorCode::invalid_value, "TCP needs certificates on both sides: the {} is not given", what);
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf()))
    return fail(ErrorCode::invalid_value, "cannot read the {} {}", what, file.string());
  return text.str();
}

}  // namespace

Result<TlsTexts> read_tls(const TlsFiles& files) {
  TlsTexts texts;
  PCN_ASSIGN(texts.certificate, read_text(files.certificate, "certificate"));
  PCN_ASSIGN(texts.key, read_text(files.key, "key"));
  PCN_ASSIGN(texts.ca, read_text(files.ca, "CA"));
  return texts;
}

}  // namespace polycube::remote
