/* A stranger's program in C: the public header and the shared library, nothing else. Hostile and
 * missing input must end in a failure that says why, never in a crash. What a real service gives is
 * client_test.cpp's. */
#include <confide/client.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

static void expect(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "FAILED: %s\n", what);
  ++failures;
}

static confide_bytes bytes_of(const char* text) {
  confide_bytes bytes;
  bytes.data = (const uint8_t*)text;
  bytes.size = text == NULL ? 0 : strlen(text);
  return bytes;
}

static void expect_refused(const char* options, const char* code) {
  char* document = NULL;
  char* error = NULL;
  expect(!confide_service_verify(bytes_of(options), &document), "nothing was verified");
  expect(document != NULL && strstr(document, code) != NULL, code);
  expect(confide_channel_open(bytes_of(options), &error) == NULL, "nothing was opened");
  expect(error != NULL && strstr(error, code) != NULL, code);
  confide_document_free(document);
  confide_document_free(error);
  expect(confide_channel_open(bytes_of(options), NULL) == NULL, "nor without asking why");
}

int main(void) {
  const char* malformed = "\"code\":\"malformed\"";
  const confide_bytes none = {NULL, 0};
  confide_bytes content = bytes_of("x");

  expect(strchr(confide_client_version(), '.') != NULL, "the library has a version");
  expect_refused(NULL, malformed);
  expect_refused("{}", malformed);
  expect_refused("[", malformed);
  expect_refused("[]", malformed);
  expect_refused("{\"url\":1}", malformed);
  expect_refused("{\"url\":\"http://127.0.0.1:1\"}", malformed);
  expect_refused("{\"url\":\"https://127.0.0.1:1\",\"polcy\":\"\"}", malformed);
  expect_refused("{\"url\":\"https://127.0.0.1:1\",\"policy\":\"nonsense\"}", malformed);
  expect_refused("{\"url\":\"https://127.0.0.1:1\",\"trust_roots\":[\"nonsense\"]}", malformed);
  expect_refused("{\"url\":\"https://127.0.0.1:1\",\"trust_roots\":[7]}", malformed);
  expect_refused("{\"url\":\"https://127.0.0.1:1\",\"fetch\":\"yes\"}", malformed);
  expect_refused("{\"url\":\"https://127.0.0.1:1\",\"padding\":\"some\"}", "\"code\":\"unsupported\"");
  expect_refused("{\"url\":\"https://127.0.0.1:1\",\"collateral\":\"/nowhere\"}", "not_found");
  expect_refused("{\"url\":\"https://127.0.0.1:1\"}", "\"code\":\"unavailable\"");

  expect(confide_exchange_start(NULL, none, none) == NULL, "no channel, no exchange");
  expect(confide_exchange_next(NULL, &content) == CONFIDE_EVENT_FAILED, "which is a failure");
  expect(content.data == NULL && content.size == 0, "that brings nothing");
  expect(confide_exchange_descriptor(NULL) == -1, "null in, nothing out");
  expect(confide_channel_service(NULL) == NULL, "null in, null out");
  confide_exchange_cancel(NULL);
  confide_exchange_free(NULL);
  confide_channel_free(NULL);
  confide_document_free(NULL);
  return failures == 0 ? 0 : 1;
}
