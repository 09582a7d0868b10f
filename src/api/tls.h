// SPDX-License-Identifier: Apache-2.0
/// TLS of the TCP listener: who may connect, and under which name.
/// Why: over TCP a certificate is the only thing that tells who somebody is, so there is no TCP without one on both sides.
/// Invariants: TLS 1.2 at least, with forward secrecy and authenticated encryption; no renegotiation; no session is resumed,
/// so each connection's certificate is judged by what the lists say then. A list that cannot be read refuses everybody.
/// Threading: immutable after load(), shared freely; a TlsSession belongs to one thread.
/// Source: RFC 8446, RFC 5246, RFC 5280; names of users: RFC 7407, ietf-x509-cert-to-name.
#pragma once

#include <openssl/ssl.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace polycube::api {

/// Files in PEM. Either `ca`, with the lists that refuse some of its certificates if need be, or `whitelist`.
struct TlsFiles {
  std::filesystem::path certificate = {};  ///< the daemon's, with intermediate ones after it
  std::filesystem::path key = {};
  std::filesystem::path ca = {};         ///< authorities that sign the clients' certificates
  std::filesystem::path crl = {};        ///< their revocation lists, of each authority one
  std::filesystem::path blacklist = {};  ///< folder of certificates that are refused, by hash (openssl rehash)
  std::filesystem::path whitelist = {};  ///< folder of the only ones that are accepted, by hash
  [[nodiscard]] bool empty() const { return certificate.empty(); }
};

/// Names that a certificate's subject has.
struct CertificateNames {
  std::vector<std::string> emails = {};        ///< rfc822Name of subjectAltName
  std::vector<std::string> hosts = {};         ///< dNSName of subjectAltName
  std::vector<std::string> common_names = {};  ///< of the subject
};

/// The user that a certificate stands for: the first e-mail address, else the first host name, else the first common name.
/// Nothing when that is no printable text of 1 to 128 bytes. Host parts are in lower case.
[[nodiscard]] std::optional<std::string> user_name(const CertificateNames& names);

struct SslDeleter {
  void operator()(SSL* session) const { SSL_free(session); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

class TlsContext {
 public:
  /// Errors: invalid_value naming the file that is wrong.
  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> load(const TlsFiles& files);

 private:
  friend class TlsSession;
  explicit TlsContext(TlsFiles files) : files_(std::move(files)) {}
  [[nodiscard]] Result<> read_files();
  static int verify(X509_STORE_CTX* store, void* self);
  [[nodiscard]] int judge(X509_STORE_CTX* store) const;

  TlsFiles files_;
  std::unique_ptr<SSL_CTX, SslDeleter> context_;
};

/// The server's side of one connection.
class TlsSession {
 public:
  TlsSession(std::shared_ptr<const TlsContext> context, int socket);
  ~TlsSession() = default;
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Null when memory ran out.
  [[nodiscard]] SSL* get() const { return ssl_.get(); }
  /// The user at the other end, after the handshake. Errors: access_denied.
  [[nodiscard]] Result<std::string> user() const;
  /// Why the handshake failed, for the log: the verdict on the certificate, or OpenSSL's reason.
  [[nodiscard]] std::string handshake_failure() const;

 private:
  friend class TlsContext;
  std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
  std::string verdict_;  ///< on a certificate that is refused
};

}  // namespace polycube::api
