#include "net/tls.h"

#include <gmock/gmock.h>

#include <string>

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

}  // namespace
}  // namespace confide::net
