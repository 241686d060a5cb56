/* Confide's client for other languages: attests a live service, seals whole requests to it, and
 * delivers nothing of an answer that is not proven (docs/proxy.md says what that means). Link with
 * -lconfide-client.
 *
 * Arguments and findings are JSON documents in UTF-8. In those about HTTP every character of a
 * string is one byte of the message (U+0000 to U+00FF). Bytes that are passed in are read during
 * the call and not kept. A text that is returned as `char*` belongs to the caller, who frees it
 * with confide_document_free(). A null object may be freed.
 *
 * Every failure is one document:
 *   {"code","message","check","verdict"}
 * code: how to react: malformed, unsupported, bad_signature, expired, untrusted, mismatch, policy,
 * limit, not_found, unavailable (try again later) or internal. check: the stable id of the check
 * that failed, as "tdx.pck.chain", "channel.answer" or "receipt.nonce", or null if it was none;
 * verdict: all checks that were made, as confide_verdict_json() shows them. The message carries
 * nothing of a request or an answer but a reason that the service gave for refusing the former. No
 * function throws.
 *
 * Threads: a channel may be used by any number of threads at once, and freed by one when no other
 * uses it. An exchange has one user at a time, but for confide_exchange_cancel(). After fork() the
 * child must leave its parent's objects alone, and open its own.
 */
#ifndef CONFIDE_CLIENT_H
#define CONFIDE_CLIENT_H

#include <confide/verify.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library's version, as in "0.1.0". */
CONFIDE_API const char* confide_client_version(void);
CONFIDE_API void confide_document_free(char* document);

/* ---- Attesting. `options` is an object with the names of the command line:
 *   url           https://HOST[:PORT]; the one member that must be there
 *   policy        an appraisal policy in TOML (docs/protocols/policy.md); default: the strict one
 *   require       array of further policies in TOML, each of which must be met as well
 *   trust_roots   array of certificates in PEM that evidence may chain to besides what these name
 *   collateral    path of a file or folder, for a service that staples none
 *   fetch, cache  true: get collateral that is missing from the vendors' services; folder to keep
 *                 it in
 *   padding       "none", "bucketed" (default) or "constant"
 *   sealed        see confide_service_verify(); it matters there alone
 * Another member, or a value of another kind, is refused as "malformed".
 *
 * An attested service is this document:
 *   {"url","verified_at","simulated","models","manifest","keyset","keyset_expires","nonce","report",
 *    "verdict"}
 * model, manifest and keyset are digests, "sha256:..."; report is the document as served, for
 * keeping, and nonce what it was asked for with.
 * --------------------------------------------------------------------------------------------- */

/* Attests a live service with a fresh nonce. True if it passed every check; `*document` is then the
 * attested service, else the failure, and null only if memory ran out. Unless `sealed` is true,
 * the connection itself must end at an attested key: set it if requests will travel by a channel,
 * where that does not matter. Takes half a minute at most, but for fetching collateral. */
CONFIDE_API bool confide_service_verify(confide_bytes options, char** document);

/* A sealed channel to a service. Attests anew by itself when the keyset expires or changes. */
typedef struct confide_channel confide_channel;
/* Null if the service did not pass or offers no sealed channel; `*error` is then the failure. */
CONFIDE_API confide_channel* confide_channel_open(confide_bytes options, char** error);
/* The service as it was attested last. */
CONFIDE_API char* confide_channel_service(const confide_channel* channel);
/* Cancels what is under way, and waits for its threads. */
CONFIDE_API void confide_channel_free(confide_channel* channel);

/* ---- Requests. Each is served by a thread of the library's own, and what comes of it is taken
 * piece by piece, so that nothing calls back into the caller's language and nothing blocks it.
 * --------------------------------------------------------------------------------------------- */

typedef struct confide_exchange confide_exchange;

typedef enum confide_event {
  CONFIDE_EVENT_NONE,    /* nothing yet: wait until the descriptor is readable */
  CONFIDE_EVENT_HEAD,    /* {"status":200,"fields":[["name","value"],...]}; names in lower case */
  CONFIDE_EVENT_CONTENT, /* the next bytes of the answer's content */
  CONFIDE_EVENT_PROOF,   /* {"receipt","request_hash","response_hash","client_nonce","keyset",
                            "verdict"}: the receipt, a document in a string, has verified. Comes
                            with every POST that was answered 2xx, before the head of an answer that
                            is not streamed, and before the end of a stream's content */
  CONFIDE_EVENT_END,     /* the answer is whole */
  CONFIDE_EVENT_FAILED   /* a failure; of a stream, what was delivered is authentic but not whole */
} confide_event;

/* Seals and sends a request: {"method","path","fields"}, with the query in the path and fields as
 * above; those of one hop, content-length and the like are left out. Never waits for the network.
 * Null if memory ran out; every other failure is an event. */
CONFIDE_API confide_exchange* confide_exchange_start(confide_channel* channel, confide_bytes head,
                                                     confide_bytes content);
/* The next event. What it brings is in `*bytes` until the next call. After END and FAILED it is
 * that again. At most 1 MiB of a stream, or one piece, waits here to be taken; the service is held
 * up beyond it. */
CONFIDE_API confide_event confide_exchange_next(confide_exchange* exchange, confide_bytes* bytes);
/* A descriptor for poll(2) that is readable while there is an event. The exchange's own: neither to
 * be read nor closed; -1 if there was none to be had, and the next event is then FAILED. */
CONFIDE_API int confide_exchange_descriptor(const confide_exchange* exchange);
/* From any thread: ends it with FAILED, unless it has ended. Does not wait. */
CONFIDE_API void confide_exchange_cancel(confide_exchange* exchange);
/* Cancels it. Does not wait, and may come after the channel has been freed. */
CONFIDE_API void confide_exchange_free(confide_exchange* exchange);

#ifdef __cplusplus
}
#endif

#endif
