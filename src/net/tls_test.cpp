#include "net/tls.h"

#include <gmock/gmock.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "base/base64.h"
#include "crypto/signing_key.h"

#include "net/test_peer.h"

namespace confide::net {
namespace {

struct Tls : ::testing::Test {
  TlsContext server_context = TlsContext::server(identity().certificate, identity().key).value();
  TlsContext client_context = TlsContext::client().value();
  TlsEngine server = TlsEngine::accept(server_context).value();
  TlsEngine client = TlsEngine::connect(client_context, "localhost").value();
  std::string at_server, at_client;

  // Carries what each has for the other until both are quiet.
  void carry() {
    while (server.has_output() || client.has_output()) {
      ASSERT_TRUE(server.receive(client.take_output(), at_server));
      ASSERT_TRUE(client.receive(server.take_output(), at_client));
    }
  }
};

TEST_F(Tls, CarriesBytesOfAnySizeBothWays) {
  carry();
  ASSERT_TRUE(server.established() && client.established());
  const std::string large(1'000'000, 'x');
  ASSERT_TRUE(client.send("hello"));
  ASSERT_TRUE(server.send(large));
  carry();
  EXPECT_EQ(at_server, "hello");
  EXPECT_TRUE(at_client == large);
  EXPECT_TRUE(client.peer_certificate().value() == identity().certificate);
}

TEST_F(Tls, BytesMayComeOneByOne) {
  while (server.has_output() || client.has_output()) {
    for (const char c : client.take_output()) ASSERT_TRUE(server.receive({&c, 1}, at_server));
    for (const char c : server.take_output()) ASSERT_TRUE(client.receive({&c, 1}, at_client));
  }
  EXPECT_TRUE(server.established() && client.established());
}

TEST_F(Tls, SeesTheGoodbye) {
  carry();
  ASSERT_TRUE(client.send("last"));
  client.close();
  EXPECT_FALSE(server.peer_closed());
  carry();
  EXPECT_TRUE(server.peer_closed());
  EXPECT_EQ(at_server, "last");
}

TEST_F(Tls, RefusesAChangedRecord) {
  carry();
  ASSERT_TRUE(client.send("secret"));
  std::string record = client.take_output();
  record.back() = static_cast<char>(record.back() ^ 1);
  const auto status = server.receive(record, at_server);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::malformed);
  EXPECT_EQ(at_server, "");
  EXPECT_TRUE(server.has_output());  // the alert
}

TEST_F(Tls, HandshakeOfAnotherProtocolFails) {
  const auto status = server.receive("GET / HTTP/1.1\r\n\r\n", at_server);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::unavailable);
  EXPECT_FALSE(server.established());
}

TEST_F(Tls, ServerNeedsTheKeyOfItsCertificate) {
  const auto other = TlsContext::server(identity().certificate, crypto::P256Key::generate());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::mismatch);
}

// As files have it.
std::string pem_of(const SecretBytes& der) {
  return "-----BEGIN PRIVATE KEY-----\n" + to_base64(der.reveal()) +
         "\n-----END PRIVATE KEY-----\n";
}

// Too weak for crypto/ to make.
std::string weak_rsa_pem() {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(1024), EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  EXPECT_EQ(PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr),
            1);
  std::string pem(BIO_ctrl_pending(out.get()), '\0');
  BIO_read(out.get(), pem.data(), static_cast<int>(pem.size()));
  return pem;
}

crypto::Certificate certificate_for(const crypto::SigningKey& key,
                                    const crypto::SigningKey& issuer_key,
                                    const crypto::Certificate* issuer) {
  crypto::CertificateRequest request;
  request.common_name = issuer == nullptr ? "root" : "localhost";
  request.subject_key = key.public_key();
  request.not_before = from_unix(1'700'000'000);
  request.not_after = from_unix(4'000'000'000);
  request.tls_server = issuer != nullptr;
  request.dns_names = {"localhost"};
  return crypto::issue_certificate(request, issuer_key, issuer).value();
}

struct TlsFiles : ::testing::TestWithParam<crypto::KeyKind> {};

TEST_P(TlsFiles, AServerUsesThem) {
  const auto root_key = crypto::SigningKey::generate(crypto::KeyKind::p256);
  const auto root = certificate_for(root_key, root_key, nullptr);
  const auto key = crypto::SigningKey::generate(GetParam());
  const std::vector chain{certificate_for(key, root_key, &root), root};
  const auto context = TlsContext::server(chain, pem_of(key.to_der()));
  ASSERT_TRUE(context) << context.error().message;
  TlsEngine server = TlsEngine::accept(*context).value();
  TlsEngine client = TlsEngine::connect(TlsContext::client().value(), "localhost").value();
  std::string unused;
  while (server.has_output() || client.has_output()) {
    ASSERT_TRUE(server.receive(client.take_output(), unused));
    ASSERT_TRUE(client.receive(server.take_output(), unused));
  }
  EXPECT_TRUE(client.peer_certificate().value() == chain[0]);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TlsFiles,
                         ::testing::Values(crypto::KeyKind::p256, crypto::KeyKind::rsa));

TEST(TlsFilesErrors, WhatDoesNotFitIsRefused) {
  const std::vector chain{identity().certificate};
  const auto refused = [&chain](const std::string& key_pem) {
    const auto context = TlsContext::server(chain, key_pem);
    EXPECT_FALSE(context);
    return context ? Errc::internal : context.error().code;
  };
  using crypto::KeyKind;
  using crypto::SigningKey;
  EXPECT_EQ(refused(pem_of(SigningKey::generate(KeyKind::p256).to_der())), Errc::mismatch);
  EXPECT_EQ(refused(pem_of(SigningKey::generate(KeyKind::rsa).to_der())), Errc::mismatch);
  EXPECT_EQ(refused(weak_rsa_pem()), Errc::unsupported);
  EXPECT_EQ(refused(pem_of(SigningKey::generate(KeyKind::p384).to_der())), Errc::unsupported);
  EXPECT_EQ(refused(identity().certificate.to_pem()), Errc::malformed);
  EXPECT_EQ(refused(""), Errc::malformed);
  EXPECT_EQ(refused("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
                    "-----END ENCRYPTED PRIVATE KEY-----\n"),
            Errc::malformed);
  const auto key = pem_of(identity().key.to_der());
  EXPECT_EQ(TlsContext::server(std::vector<crypto::Certificate>(), key).error().code,
            Errc::mismatch);
}

}  // namespace
}  // namespace confide::net
