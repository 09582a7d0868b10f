// SPDX-License-Identifier: Apache-2.0
#include "api/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace polycube::api {

namespace {

constexpr const char* tls12_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char session_context[] = "polycube";
constexpr std::size_t longest_name = 128;
constexpr int most_of_a_hash = 1000;  ///< certificates whose subjects have the same hash

using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;
using FilePtr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

tl::unexpected<Error> openssl_error(const std::string& what) {
  const unsigned long code = ERR_peek_error();  // the first one is the cause
  const char* reason = ERR_reason_error_string(code);
  // The system's own errors have a library of their own, and a number instead of a text.
  std::string text = ERR_SYSTEM_ERROR(code) ? std::strerror(ERR_GET_REASON(code)) : reason != nullptr ? reason : "";
  ERR_clear_error();
  if (text.empty()) text = "OpenSSL gives no reason";
  return fail(ErrorCode::invalid_value, "{}: {}", what, text);
}

bool is_printable(std::string_view text) {
  return !text.empty() && text.size() <= longest_name &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
}

std::string lower(std::string text, std::size_t from) {
  std::transform(
      text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), text.begin() + static_cast<std::ptrdiff_t>(from),
      [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c); });
  return text;
}

std::string text_of(const ASN1_STRING* string) {
  unsigned char* utf8 = nullptr;
  const int length = ASN1_STRING_to_UTF8(&utf8, string);
  if (length < 0) return {};
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(length));
  OPENSSL_free(utf8);
  return text;
}

CertificateNames names_of(X509* certificate) {
  CertificateNames names;
  auto* alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_EMAIL) names.emails.push_back(text_of(name->d.rfc822Name));
    if (name->type == GEN_DNS) names.hosts.push_back(text_of(name->d.dNSName));
  }
  GENERAL_NAMES_free(alternatives);
  const X509_NAME* subject = X509_get_subject_name(certificate);
  for (int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1); i >= 0;
       i = X509_NAME_get_index_by_NID(subject, NID_commonName, i))
    names.common_names.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i))));
  return names;
}

std::string subject_of(X509* certificate) {
  std::array<char, 256> text{};
  return X509_NAME_oneline(X509_get_subject_name(certificate), text.data(), text.size());
}

/// The lists have no code of OpenSSL's whose text would say it.
const char* reason_of(int verdict) {
  if (verdict == X509_V_ERR_CERT_REJECTED) return "it is not in the folder of those that are accepted";
  if (verdict == X509_V_ERR_CERT_REVOKED) return "it is revoked";
  return X509_verify_cert_error_string(verdict);
}

enum class Listed { yes, no, unknown };

/// Whether a folder of OpenSSL's layout (HASH.0, HASH.1, ...) has this very certificate. It is read each time, so what is
/// put there counts from the next connection on.
Listed is_listed(const std::filesystem::path& folder, X509* certificate) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) return Listed::unknown;
  const unsigned long hash = X509_NAME_hash_ex(X509_get_subject_name(certificate), nullptr, nullptr, nullptr);
  for (int i = 0; i < most_of_a_hash; ++i) {
    const FilePtr file(std::fopen((folder / fmt::format("{:08x}.{}", hash, i)).c_str(), "re"), &std::fclose);
    if (!file) return errno == ENOENT ? Listed::no : Listed::unknown;
    const CertificatePtr one(PEM_read_X509(file.get(), nullptr, nullptr, nullptr), &X509_free);
    ERR_clear_error();
    if (!one) return Listed::unknown;
    if (X509_cmp(one.get(), certificate) == 0) return Listed::yes;
  }
  return Listed::unknown;
}

}  // namespace

std::optional<std::string> user_name(const CertificateNames& names) {
  std::string name;
  if (!names.emails.empty()) {
    name = names.emails.front();
    const auto at = name.rfind('@');
    if (at == std::string::npos) return std::nullopt;
    name = lower(name, at);
  } else if (!names.hosts.empty()) {
    name = lower(names.hosts.front(), 0);
  } else if (!names.common_names.empty()) {
    name = names.common_names.front();
  }
  return is_printable(name) ? std::optional(name) : std::nullopt;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files) {
  ERR_clear_error();
  std::shared_ptr<TlsContext> tls(new TlsContext(files));
  tls->context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = tls->context_.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, tls12_ciphers) != 1 ||
      SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context)) != 1)
    return openssl_error("TLS cannot be used");
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One record that is no data must not lead to the next without our looking at the clock.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context, &TlsContext::verify, tls.get());
  PCN_TRY(tls->read_files());
  return tls;
}

Result<> TlsContext::read_files() {
  SSL_CTX* context = context_.get();
  if (SSL_CTX_use_certificate_chain_file(context, files_.certificate.c_str()) != 1)
    return openssl_error(fmt::format("the certificate {} cannot be used", files_.certificate.native()));
  if (SSL_CTX_use_PrivateKey_file(context, files_.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    return openssl_error(
        fmt::format("the key {} cannot be used with {}", files_.key.native(), files_.certificate.native()));
  for (const auto& folder : {files_.blacklist, files_.whitelist}) {
    std::error_code error;
    if (!folder.empty() && !std::filesystem::is_directory(folder, error))
      return fail(ErrorCode::invalid_value, "{} is no folder of certificates", folder.native());
  }
  if (files_.ca.empty()) return {};
  if (SSL_CTX_load_verify_file(context, files_.ca.c_str()) != 1)
    return openssl_error(fmt::format("the CA {} cannot be used", files_.ca.native()));
  if (STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(files_.ca.c_str()); names != nullptr)
    SSL_CTX_set_client_CA_list(context, names);
  if (files_.crl.empty()) return {};
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (lookup == nullptr || X509_load_crl_file(lookup, files_.crl.c_str(), X509_FILETYPE_PEM) < 1)
    return openssl_error(fmt::format("the revocation list {} cannot be used", files_.crl.native()));
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

int TlsContext::verify(X509_STORE_CTX* store, void* self) {
  const int verdict = static_cast<const TlsContext*>(self)->judge(store);
  if (verdict == X509_V_OK) return 1;
  X509_STORE_CTX_set_error(store, verdict);  // tells the client by its alert
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  static_cast<TlsSession*>(SSL_get_app_data(ssl))->verdict_ =
      fmt::format("its certificate {} is refused: {}", subject_of(X509_STORE_CTX_get0_cert(store)), reason_of(verdict));
  return 0;
}

/// The verdict on what the client sent, as an X509_V_ code.
int TlsContext::judge(X509_STORE_CTX* store) const {
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  if (!files_.whitelist.empty()) {
    if (is_listed(files_.whitelist, certificate) != Listed::yes) return X509_V_ERR_CERT_REJECTED;
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) >= 0) return X509_V_ERR_CERT_NOT_YET_VALID;
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) return X509_V_ERR_CERT_HAS_EXPIRED;
    return X509_check_purpose(certificate, X509_PURPOSE_SSL_CLIENT, 0) == 1 ? X509_V_OK : X509_V_ERR_INVALID_PURPOSE;
  }
  if (X509_verify_cert(store) != 1) {
    const int error = X509_STORE_CTX_get_error(store);
    return error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
  }
  if (files_.blacklist.empty()) return X509_V_OK;
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(store);
  for (int i = 0; i < sk_X509_num(chain); ++i)
    if (is_listed(files_.blacklist, sk_X509_value(chain, i)) != Listed::no) return X509_V_ERR_CERT_REVOKED;
  return X509_V_OK;
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, int socket)
    : context_(std::move(context)), ssl_(SSL_new(context_->context_.get())) {
  if (!ssl_) return;
  if (SSL_set_fd(ssl_.get(), socket) != 1) {
    ssl_.reset();
    return;
  }
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_accept_state(ssl_.get());
}

Result<std::string> TlsSession::user() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return fail(ErrorCode::access_denied, "it sent no certificate");
  auto name = user_name(names_of(certificate));
  ERR_clear_error();
  if (!name)
    return fail(ErrorCode::access_denied, "its certificate {} has no name that a user can have",
                subject_of(certificate));
  return std::move(*name);
}

std::string TlsSession::handshake_failure() const {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  if (!verdict_.empty()) return verdict_;
  return reason != nullptr ? reason : "it left during the handshake";
}

}  // namespace polycube::api
