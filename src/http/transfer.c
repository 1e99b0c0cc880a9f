#include "transfer.h"

#if defined(LIBCURL_VERSION_NUM) && LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80 or later is needed: CURLOPT_PREREQFUNCTION"
#endif

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Bytes of a body that one step takes, and that libcurl reads at a time. It uncompresses at once what it has read, to at
 * most a thousand times as much: the less it reads, the shorter the longest step. But what a server sends behind an answer
 * is noticed only when it comes with that answer's last read; else it stays, and is taken for the beginning of the next
 * one. An answer of one contact info is to be read whole.
 */
enum { STEP_BODY = 256 * 1024, READ_SIZE = 4096 };

/* ---- callbacks: they only append to buffers, and return short on failure ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct aw_handle *h = user;
    struct aw_transfer *t = h->transfer;
    size_t n = size * count;
    if (h->step != h->turns->step) {
        h->step = h->turns->step;
        h->room = STEP_BODY;
    }
    if (h->room == 0 && n > 0) {
        h->paused = h->turns->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    switch (aw_buffer_append(&t->body, bytes, n)) {
    case AW_BUFFER_OK:
        h->room -= n < h->room ? n : h->room;
        return n;
    case AW_BUFFER_LIMIT:
        t->stop = AW_STOP_BODY;
        break;
    case AW_BUFFER_MEMORY:
        t->stop = AW_STOP_MEMORY;
        break;
    }
    return n > 0 ? 0 : 1;
}

/*
 * Called with one line at a time: of interim responses (100, 103), of the final one, and of trailers. Only
 * the final one's are kept, all count against the limit.
 */
static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    struct aw_handle *h = user;
    struct aw_transfer *t = h->transfer;
    size_t n = size * count;
    if (n == 0)
        return 0;
    if (n > t->head.limit - t->head_total) {
        t->stop = AW_STOP_HEADER;
        return 0;
    }
    t->head_total += n;
    if (t->interim && !t->head_open && n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        const char *space = memchr(line, ' ', n);
        t->interim = space && space + 1 < line + n && space[1] == '1';
        t->head_open = true;
        t->head.len = 0;
        if (h->mistrusted)
            curl_easy_setopt(h->easy, CURLOPT_VERBOSE, 1L);
        return n;
    }
    if (!t->head_open)
        return n;
    if (line[0] == '\r' || line[0] == '\n') {
        t->head_open = false;
        return n;
    }
    bool folded = line[0] == ' ' || line[0] == '\t';
    if (folded) {
        /* An obsolete folded line goes on with the value before it. */
        while (t->head.len > 0 &&
               (t->head.data[t->head.len - 1] == '\n' || t->head.data[t->head.len - 1] == '\r'))
            t->head.len--;
    }
    if (aw_buffer_append(&t->head, line, n) != AW_BUFFER_OK) {
        t->stop = AW_STOP_MEMORY;
        return 0;
    }
    if (folded)
        return n;
    /* Names are handed out in lower case. */
    char *end = t->head.data + t->head.len;
    for (char *c = end - n; c < end && *c != ':'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
    return n;
}

/*
 * Called when the connection stands and the request is about to be written. Until then no byte of it can
 * have reached the server. A second call means that libcurl, having found the reused connection dead or the
 * stream refused, is about to send the request again on its own. A POST would then happen twice if the
 * server had read it before it hung up, and any request would escape the rate limit: the engine alone
 * repeats requests.
 */
static int on_request(void *user, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    (void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
    struct aw_transfer *t = ((struct aw_handle *)user)->transfer;
    if (t->begun) {
        t->stop = AW_STOP_RESEND;
        return CURL_PREREQFUNC_ABORT;
    }
    t->begun = true;
    return CURL_PREREQFUNC_OK;
}

/*
 * libcurl reads a proxy's answer to CONNECT byte by byte until none is left, calls this after each, and knows no limit:
 * a proxy that never stops would hold us for good, deadline or not.
 */
enum { TUNNEL_HEAD_MAX = 16 * 1024 };

static int on_progress(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    (void)down_total, (void)down, (void)up_total, (void)up;
    struct aw_transfer *t = ((struct aw_handle *)user)->transfer;
    if (t->begun || ++t->before <= TUNNEL_HEAD_MAX)
        return 0;
    t->stop = AW_STOP_HEADER;
    return 1;
}

/* ---- handles ---- */

/*
 * libcurl 7.83 to 8.0 remembers where the last header of a handle's previous response was when that is freed, and
 * reads and writes there when the next response begins with a folded line (curl pull request 11103): a server could
 * have its way with our memory. A new handle for each attempt would cost a seventh of all time. Instead we look at
 * the line that follows a status line before libcurl does: it is shown to the debug function first, which is on for
 * that line alone, and there a fold is made a line without a colon, which libcurl refuses.
 */
static bool keeps_last_header(void)
{
    unsigned version = curl_version_info(CURLVERSION_NOW)->version_num;
    return version >= 0x075300 && version < 0x080100;
}

static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t size, void *user)
{
    (void)user;
    if (type == CURLINFO_HEADER_IN && size > 0) {
        if (bytes[0] == ' ' || bytes[0] == '\t')
            memset(bytes, 'x', size - 1);
        curl_easy_setopt(easy, CURLOPT_VERBOSE, 0L);
    }
    return 0;
}

#define SET(option, value)                                                                                   \
    do {                                                                                                     \
        CURLcode set_code = curl_easy_setopt(h->easy, option, value);                                        \
        if (set_code != CURLE_OK) {                                                                          \
            if (set_code != CURLE_OUT_OF_MEMORY)                                                             \
                *why = #option;                                                                              \
            goto failed;                                                                                     \
        }                                                                                                    \
    } while (0)

struct aw_handle *aw_handle_new(const struct aw_handle_setup *setup, const char **why)
{
    const struct aw_options *o = setup->options;
    struct aw_handle *h = calloc(1, sizeof *h);
    *why = "not enough memory";
    if (!h)
        return NULL;
    h->easy = curl_easy_init();
    h->url = curl_url();
    if (!h->easy || !h->url)
        goto failed;
    h->turns = setup->turns;
    h->mistrusted = keeps_last_header();
    SET(CURLOPT_DEBUGFUNCTION, on_debug);
    SET(CURLOPT_PRIVATE, (char *)h);
    SET(CURLOPT_ERRORBUFFER, h->error);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROGRESS, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* A name that takes long to resolve must not hold up the end of its request. */
    SET(CURLOPT_QUICK_EXIT, 1L);
#endif
    /* aw_request_copy is stricter about http. */
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (o->ca_file || o->ca_path) { /* what the caller names replaces the system's, both kinds of it */
        SET(CURLOPT_CAINFO, o->ca_file);
        SET(CURLOPT_CAPATH, o->ca_path);
    }
    SET(CURLOPT_PROXY, setup->proxy);
    SET(CURLOPT_NOPROXY, setup->no_proxy);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    /* The header itself comes with the request's others: libcurl formats one of its own making twice. */
    SET(CURLOPT_ACCEPT_ENCODING, AW_ENCODINGS);
    if (*setup->proxy) {
        SET(CURLOPT_USERAGENT, o->user_agent); /* for a CONNECT */
        SET(CURLOPT_XFERINFOFUNCTION, on_progress);
        SET(CURLOPT_XFERINFODATA, h);
        SET(CURLOPT_NOPROGRESS, 0L);
    }
    SET(CURLOPT_CURLU, h->url);
    SET(CURLOPT_HTTP_VERSION, o->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(fmin(o->connect_timeout, 1e6) * 1000));
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_BUFFERSIZE, (long)READ_SIZE);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, h);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, h);
    SET(CURLOPT_PREREQFUNCTION, on_request);
    SET(CURLOPT_PREREQDATA, h);
    SET(CURLOPT_OPENSOCKETFUNCTION, setup->open);
    SET(CURLOPT_OPENSOCKETDATA, setup->sockets);
    SET(CURLOPT_CLOSESOCKETFUNCTION, setup->close);
    SET(CURLOPT_CLOSESOCKETDATA, setup->sockets);
    return h;
failed:
    aw_handle_free(h);
    return NULL;
}

#undef SET

CURLcode aw_handle_go_on(struct aw_handle *h)
{
    h->paused = false;
    return curl_easy_pause(h->easy, CURLPAUSE_CONT);
}

void aw_handle_free(struct aw_handle *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->easy);
    curl_url_cleanup(h->url);
    free(h);
}

static CURLcode set_method(struct aw_handle *h, const struct aw_request_copy *r)
{
    CURLcode code = CURLE_OK;
    /* libcurl's own notions are GET, HEAD and POST; any other is a name written over one of them. */
    enum aw_method base = r->has_body ? AW_POST : r->method == AW_HEAD ? AW_HEAD : AW_GET;
    bool custom = r->method != base;
    bool all = h->unsure; /* what was set is not known */
    if (!all && r->method == h->method && r->has_body == h->has_body)
        return CURLE_OK;
    h->unsure = true;
    if (all || h->method == AW_HEAD)
        code = curl_easy_setopt(h->easy, CURLOPT_NOBODY, 0L);
    if (!code)
        code = curl_easy_setopt(h->easy,
                                base == AW_POST   ? CURLOPT_POST
                                : base == AW_HEAD ? CURLOPT_NOBODY
                                                  : CURLOPT_HTTPGET,
                                1L);
    if (!code && (all || custom || h->custom))
        code = curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, custom ? aw_method_name(r->method) : NULL);
    if (!code) {
        h->method = r->method;
        h->has_body = r->has_body;
        h->custom = custom;
        h->unsure = false;
    }
    return code;
}

/* Whether libcurl has nothing to do with a path but to send it: no query, no dot segments, nothing encoded. */
static bool is_plain_path(const char *path)
{
    return path[0] == '/' && !strpbrk(path, "?#%") && !strstr(path, "/.");
}

/*
 * Most requests go to one origin and have a plain path. To set that alone, in parts which libcurl takes as they are,
 * saves it a quarter of its time: an URL as text it parses, takes apart, and puts together again.
 */
static CURLcode set_url(struct aw_handle *h, const struct aw_request_copy *r)
{
    const char *path = r->url + r->origin_len;
    bool plain = is_plain_path(path);
    CURLUcode code;
    if (plain && r->origin_len == h->origin_len && memcmp(r->url, h->origin, h->origin_len) == 0) {
        code = curl_url_set(h->url, CURLUPART_PATH, path, 0);
    } else {
        h->origin_len = 0;
        code = curl_url_set(h->url, CURLUPART_URL, r->url, 0);
        if (code == CURLUE_OK && plain && r->origin_len < sizeof h->origin) {
            memcpy(h->origin, r->url, r->origin_len);
            h->origin_len = r->origin_len;
        }
    }
    return code == CURLUE_OK              ? CURLE_OK
           : code == CURLUE_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY
                                          : CURLE_URL_MALFORMAT;
}

/*
 * A loopback host is reached directly, whatever the options and the environment say: plain http is allowed to it because
 * nothing leaves this machine. Said for this request, by "*": older libcurls (before 7.86) know no address ranges.
 */
static CURLcode set_directness(struct aw_handle *h, const struct aw_handle_setup *setup, bool direct)
{
    if (!*setup->proxy || (direct == h->direct && !h->unsure_proxy))
        return CURLE_OK;
    h->unsure_proxy = true;
    CURLcode code = curl_easy_setopt(h->easy, CURLOPT_NOPROXY, direct ? "*" : setup->no_proxy);
    if (code == CURLE_OK)
        code = curl_easy_setopt(h->easy, CURLOPT_PROXY, direct ? "" : setup->proxy);
    if (code == CURLE_OK) {
        h->direct = direct;
        h->unsure_proxy = false;
    }
    return code;
}

CURLcode aw_handle_prepare(struct aw_handle *h, struct aw_transfer *t, const struct aw_handle_setup *setup)
{
    const struct aw_request_copy *r = &t->request;
    h->transfer = t;
    t->handle = h;
    h->error[0] = '\0';
    CURLcode code = set_method(h, r);
    if (!code)
        code = set_directness(h, setup, r->loopback);
    if (!code)
        code = set_url(h, r);
    if (!code)
        code = curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, r->headers);
    if (!code && r->has_body)
        code = curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
    if (!code && r->has_body)
        code = curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, r->body);
    bool piped = setup->options->http2 && r->https;
    if (!code && piped != h->piped) {
        code = curl_easy_setopt(h->easy, CURLOPT_PIPEWAIT, piped ? 1L : 0L);
        h->piped = piped;
    }
    return code;
}

/* ---- outcomes ---- */

void aw_transfer_restart(struct aw_transfer *t)
{
    t->head.len = t->body.len = 0;
    t->head_total = 0;
    t->head_open = false;
    t->interim = true;
    t->stop = AW_STOP_NONE;
    t->begun = false;
    t->before = 0;
    t->message[0] = '\0';
    t->result.kind = AW_RESPONSE;
    t->result.status = 0;
    t->result.http_version = 0;
    t->result.retryable = false;
    t->result.code = t->result.message = NULL;
    t->result.body = t->result.content_type = NULL;
    t->result.body_len = t->result.content_type_len = 0;
}

struct failure {
    CURLcode curl;
    enum aw_kind kind;
    bool retryable;
    const char *code;
};

static const struct failure failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, AW_NETWORK, true, "resolve"},
    {CURLE_COULDNT_RESOLVE_PROXY, AW_NETWORK, true, "resolve-proxy"},
    {CURLE_COULDNT_CONNECT, AW_NETWORK, true, "connect"},
    {CURLE_PROXY, AW_NETWORK, true, "proxy"},
    {CURLE_SEND_ERROR, AW_NETWORK, true, "send"},
    {CURLE_RECV_ERROR, AW_NETWORK, true, "receive"},
    {CURLE_GOT_NOTHING, AW_NETWORK, true, "empty-reply"},
    {CURLE_PARTIAL_FILE, AW_NETWORK, true, "incomplete"},
    {CURLE_INTERFACE_FAILED, AW_NETWORK, true, "connect"},
    {CURLE_NO_CONNECTION_AVAILABLE, AW_NETWORK, true, "connect"},
    {CURLE_OUT_OF_MEMORY, AW_NETWORK, false, "out-of-memory"},
    {CURLE_OPERATION_TIMEDOUT, AW_TIMEOUT, true, "timeout"},
    {CURLE_SSL_CONNECT_ERROR, AW_TLS, true, "handshake"},
    {CURLE_PEER_FAILED_VERIFICATION, AW_TLS, false, "certificate"},
    {CURLE_SSL_INVALIDCERTSTATUS, AW_TLS, false, "certificate"},
    {CURLE_SSL_ISSUER_ERROR, AW_TLS, false, "certificate"},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, AW_TLS, false, "certificate"},
    {CURLE_SSL_CACERT_BADFILE, AW_TLS, false, "ca-file"},
    {CURLE_SSL_CRL_BADFILE, AW_TLS, false, "ca-file"},
    {CURLE_SSL_CERTPROBLEM, AW_TLS, false, "client-certificate"},
    {CURLE_SSL_CIPHER, AW_TLS, false, "cipher"},
    {CURLE_SSL_ENGINE_NOTFOUND, AW_TLS, false, "setup"},
    {CURLE_SSL_ENGINE_SETFAILED, AW_TLS, false, "setup"},
    {CURLE_SSL_ENGINE_INITFAILED, AW_TLS, false, "setup"},
    {CURLE_SSL_SHUTDOWN_FAILED, AW_TLS, true, "shutdown"},
    {CURLE_USE_SSL_FAILED, AW_TLS, false, "setup"},
    {CURLE_HTTP2, AW_PROTOCOL, true, "http2"},
    {CURLE_HTTP2_STREAM, AW_PROTOCOL, true, "http2-stream"},
    {CURLE_WEIRD_SERVER_REPLY, AW_PROTOCOL, false, "not-http"},
    {CURLE_UNSUPPORTED_PROTOCOL, AW_PROTOCOL, false, "not-http"},
    {CURLE_BAD_FUNCTION_ARGUMENT, AW_PROTOCOL, false,
     "not-http"}, /* for a head that begins with a folded line */
    {CURLE_BAD_CONTENT_ENCODING, AW_PROTOCOL, false, "content-encoding"},
    {CURLE_URL_MALFORMAT, AW_PROTOCOL, false, "url"},
};

void aw_transfer_fail(struct aw_transfer *t, enum aw_kind kind, const char *code, const char *message)
{
    t->result.kind = kind;
    t->result.code = code;
    if (message) {
        size_t n = strlen(message);
        if (n >= sizeof t->message)
            n = sizeof t->message - 1;
        memcpy(t->message, message, n);
        t->message[n] = '\0';
    }
    t->result.message = t->message;
}

static double seconds(CURL *easy, CURLINFO info)
{
    curl_off_t us = 0;
    curl_easy_getinfo(easy, info, &us);
    return (double)us / 1e6;
}

static void read_timings(struct aw_transfer *t)
{
    CURL *easy = t->handle->easy;
    double connected = seconds(easy, CURLINFO_CONNECT_TIME_T);
    double handshaken = seconds(easy, CURLINFO_APPCONNECT_TIME_T);
    t->result.timings.connect = connected;
    t->result.timings.tls = handshaken > connected ? handshaken - connected : 0;
    t->result.timings.first_byte = seconds(easy, CURLINFO_STARTTRANSFER_TIME_T);
}

static int version_number(long version)
{
    switch (version) {
    case CURL_HTTP_VERSION_1_0:
        return 10;
    case CURL_HTTP_VERSION_1_1:
        return 11;
    case CURL_HTTP_VERSION_2_0:
        return 20;
    case CURL_HTTP_VERSION_3:
        return 30;
    default:
        return 0;
    }
}

static void set_failure(struct aw_transfer *t, CURLcode code)
{
    struct failure f = {code, AW_NETWORK, false, "curl"};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (failures[i].curl == code)
            f = failures[i];
    const char *message = t->handle->error[0]                   ? t->handle->error
                          : code == CURLE_BAD_FUNCTION_ARGUMENT ? "The response has a head that can't be read"
                                                                : curl_easy_strerror(code);
    switch (t->stop) {
    case AW_STOP_NONE:
        break;
    case AW_STOP_BODY:
        f = (struct failure){code, AW_PROTOCOL, false, "body-too-large"};
        message = "The response body exceeds the limit (max_body)";
        break;
    case AW_STOP_HEADER:
        f = (struct failure){code, AW_PROTOCOL, false, "headers-too-large"};
        message = "The response headers exceed the limit (max_header)";
        break;
    case AW_STOP_MEMORY:
        f = (struct failure){code, AW_NETWORK, false, "out-of-memory"};
        message = "Not enough memory for the response";
        break;
    case AW_STOP_RESEND:
        f = (struct failure){code, AW_NETWORK, true, "connection-lost"};
        message = "The connection was closed before a response came";
        break;
    }
    if (code == CURLE_OPERATION_TIMEDOUT && !t->begun)
        f.code = "connect-timeout";
    aw_transfer_fail(t, f.kind, f.code, message);
    t->result.retryable = f.retryable;
}

/* What is shorter may be part of someone's data, as real tokens are not: good answers are not touched for it. */
enum { REDACT_DATA_MIN = 12 };

/* So much of the body of a refusal is looked at: what it says stands in front, and a step must not take long over it. */
enum { REFUSAL_MAX = 256 * 1024 };

/* What was sent back of the token goes, before anyone reads it; and of a proxy's login, which that may show itself. */
static void redact(struct aw_transfer *t, const struct aw_handle_setup *setup)
{
    const struct aw_secret *token = t->request.secret;
    bool good = t->result.status >= 200 && t->result.status <= 299;
    bool cut = !good && t->body.len > REFUSAL_MAX;
    if (cut)
        t->body.len = REFUSAL_MAX;
    if (token && (!good || token->len >= REDACT_DATA_MIN)) {
        t->head.len = aw_redact(t->head.data, t->head.len, token, false);
        t->body.len = aw_redact(t->body.data, t->body.len, token, cut);
    }
    for (size_t i = 0; !good && !t->request.loopback && i < AW_PROXY_SECRETS; i++) {
        const struct aw_secret *secret = setup->proxy_secrets[i];
        t->head.len = secret ? aw_redact(t->head.data, t->head.len, secret, false) : t->head.len;
        t->body.len = secret ? aw_redact(t->body.data, t->body.len, secret, cut) : t->body.len;
    }
}

/* libcurl's word on a failure may quote a server, a proxy's URL too; what is cut off in it may be half a secret. */
static void redact_message(struct aw_transfer *t, const struct aw_handle_setup *setup)
{
    size_t n = strlen(t->message);
    bool cut = n + 1 >= sizeof t->message;
    if (t->request.secret)
        n = aw_redact(t->message, n, t->request.secret, cut);
    for (size_t i = 0; i < AW_PROXY_SECRETS; i++)
        if (setup->proxy_secrets[i])
            n = aw_redact(t->message, n, setup->proxy_secrets[i], cut);
    t->message[n] = '\0';
}

void aw_transfer_outcome(struct aw_transfer *t, CURLcode code, const struct aw_handle_setup *setup)
{
    CURL *easy = t->handle->easy;
    struct aw_result *r = &t->result;
    long status = 0, version = 0, request_bytes = 0;
    curl_off_t received = 0;
    size_t len;
    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    r->http_version = version_number(version);
    read_timings(t);
    bool sent = t->begun;
    /* libcurl takes a head that ends with the connection for a whole one, without a body, */
    if (code == CURLE_OK && t->head_open)
        code = CURLE_PARTIAL_FILE;
    /* a compressed body of which too little came to be uncompressed for an empty one, and the same with HTTP/2 for
     * one whose connection failed before its first byte: that is taken for what it is, when there was to be one. */
    if (code == CURLE_OK) {
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        r->status = (int)status;
        curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
        if (t->body.len == 0 && received > 0 && aw_transfer_header(t, "content-encoding", &len))
            code = CURLE_BAD_CONTENT_ENCODING;
        else if (t->body.len == 0 && r->http_version == 20 && status == 200 && t->request.method != AW_HEAD &&
                 aw_transfer_header(t, "content-type", &len) &&
                 !aw_transfer_header(t, "content-length", &len))
            code = CURLE_PARTIAL_FILE;
    }
    redact(t, setup);
    if (code == CURLE_OK) {
        r->kind = AW_RESPONSE;
        r->body = t->body.data;
        r->body_len = t->body.len;
    } else {
        r->status = 0;
        set_failure(t, code);
        redact_message(t, setup);
        /* Not one byte was accepted by the socket: certain with HTTP/1, which has no buffer between. */
        curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
        if (sent && request_bytes == 0 && r->http_version != 20 && t->stop == AW_STOP_NONE &&
            code == CURLE_SEND_ERROR)
            sent = false;
    }
    /* A request refused for the rate limit has not taken effect. */
    r->sent = r->sent || (sent && r->status != 429);
}

bool aw_result_header(const struct aw_result *r, size_t *at, struct aw_header *out)
{
    const struct aw_transfer *t = (const struct aw_transfer *)(const void *)r;
    const char *data = t->head.data;
    if (r->status == 0)
        return false;
    while (*at < t->head.len) {
        const char *line = data + *at, *end = memchr(line, '\n', t->head.len - *at);
        size_t n = end ? (size_t)(end - line) : t->head.len - *at;
        *at += n + (end ? 1 : 0);
        const char *colon = memchr(line, ':', n);
        if (!colon || colon == line)
            continue;
        const char *value = colon + 1, *stop = line + n;
        while (value < stop && (*value == ' ' || *value == '\t'))
            value++;
        while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
            stop--;
        *out = (struct aw_header){.name = line,
                                  .name_len = (size_t)(colon - line),
                                  .value = value,
                                  .value_len = (size_t)(stop - value)};
        return true;
    }
    return false;
}

const char *aw_transfer_header(const struct aw_transfer *t, const char *lower_name, size_t *len)
{
    size_t n = strlen(lower_name), at = 0;
    struct aw_header h;
    while (aw_result_header(&t->result, &at, &h)) {
        if (h.name_len == n && memcmp(h.name, lower_name, n) == 0) {
            *len = h.value_len;
            return h.value;
        }
    }
    return NULL;
}
