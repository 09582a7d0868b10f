// SPDX-License-Identifier: Apache-2.0
/// Which encoding a request uses and which one its reply may use.
/// Why: RESTCONF has two encodings; scripts also send plain JSON types or none at all, which is unambiguous and harmless.
/// Threading: pure functions.
/// Source: RFC 8040, 5.2; RFC 9110, 8.3 and 12.5.1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/http.h"
#include "model/datastore.h"

namespace polycube::api {

struct MediaType {
  std::string name;  ///< as it stands in a Content-Type
  model::Format format = model::Format::json;
};

inline constexpr const char* yang_json = "application/yang-data+json";
inline constexpr const char* yang_xml = "application/yang-data+xml";

/// The type of the request's body: JSON when the header is absent; nullopt when it is none that the API understands.
[[nodiscard]] std::optional<model::Format> body_format(const Headers& headers);

/// The type for the reply by Accept: highest quality first, the fallback and then JSON where they are equal. Without the
/// header the reply has the encoding of the request. `only` restricts the choice to one encoding. nullopt when nothing
/// that the client accepts can be made.
[[nodiscard]] std::optional<MediaType> negotiate(const Headers& headers, model::Format fallback,
                                                 std::optional<model::Format> only = std::nullopt);

/// How welcome a reply of this type is, by Accept: 0 (not at all) to 1; 1 without the header.
[[nodiscard]] double acceptance(const Headers& headers, std::string_view type);

}  // namespace polycube::api
