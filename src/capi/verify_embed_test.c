/* A stranger's program in C: the public header and the shared library, nothing else. Hostile and
 * missing input must end in a failed verdict with a reason, never in a crash. What good evidence
 * gives is verify_test.cpp's. */
#include <confide/verify.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

static void expect(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "FAILED: %s\n", what);
  ++failures;
}

static void expect_refused(confide_verdict* verdict, const char* by) {
  const char* id = confide_verdict_failure(verdict);
  expect(verdict != NULL, "a verdict always comes back");
  expect(!confide_verdict_passed(verdict), by);
  expect(id != NULL && strcmp(id, by) == 0, by);
  expect(confide_verdict_reason(verdict) != NULL, "a refusal has a reason");
  expect(strstr(confide_verdict_json(verdict), "\"verdict\":\"fail\"") != NULL, "so says the JSON");
  confide_verdict_free(verdict);
}

int main(void) {
  static const uint8_t junk[] = "not evidence";
  const confide_bytes bytes = {junk, sizeof junk - 1};
  const confide_bytes none = {NULL, 0};
  const int64_t at = 1790000000;
  confide_policy* policy = confide_policy_strict();
  char* error = NULL;

  expect(strchr(confide_version(), '.') != NULL, "the library has a version");
  expect_refused(confide_verify_quote(bytes, NULL, policy, at), "tdx.quote.parse");
  expect_refused(confide_verify_quote(none, NULL, policy, at), "tdx.quote.parse");
  expect_refused(confide_verify_quote(bytes, NULL, NULL, at), "capi.argument");
  expect_refused(confide_verify_snp(bytes, NULL, policy, at), "snp.report.parse");
  expect_refused(confide_verify_event_log(bytes, bytes, NULL, policy, at), "tdx.quote.parse");
  expect_refused(confide_verify_gpus(NULL, 3, NULL, none, policy, at), "gpu.count");

  expect(confide_policy_parse(bytes, &error) == NULL && error != NULL, "a bad policy is explained");
  confide_text_free(error);
  error = NULL;
  expect(confide_policy_parse(bytes, NULL) == NULL, "or just refused");
  expect(confide_endorsements_read(bytes, &error) == NULL && error != NULL, "so is bad collateral");
  confide_text_free(error);
  expect(!confide_policy_trust(policy, bytes), "junk is no root");

  expect(!confide_verdict_passed(NULL) && !confide_verdict_simulated(NULL),
         "no verdict is no proof");
  expect(confide_verdict_json(NULL) == NULL && confide_verdict_failure(NULL) == NULL,
         "null in, null out");
  confide_verdict_free(NULL);
  confide_endorsements_free(NULL);
  confide_policy_free(NULL);
  confide_text_free(NULL);
  confide_policy_free(policy);
  return failures == 0 ? 0 : 1;
}
