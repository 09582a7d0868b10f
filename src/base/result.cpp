// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cstring>

namespace polycube {

tl::unexpected<Error> fail_errno(int error_number, const std::string& what) {
  return fail(ErrorCode::system, "{}: {}", what, std::strerror(error_number));
}

tl::unexpected<Error> fail_with(Error error, const std::string& context) {
  error.message = context + ": " + error.message;
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace polycube
