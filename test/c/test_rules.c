/* What may be sent and what must not be shown: URLs, proxies, headers, tokens and secrets. */
#include "../../src/http/buffer.h"
#include "../../src/http/header.h"
#include "../../src/http/limiter.h"
#include "../../src/http/secret.h"
#include "../../src/http/url.h"
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Under a sanitizer each memmem looks at all the rest of a text beforehand: what takes one pass takes many. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LONG_TEXT = 150000 };
#else
enum { LONG_TEXT = 15 << 20 };
#endif

static enum aw_url_error read_url(const char *s, struct aw_url *url)
{
    return aw_url_read_base(s, strlen(s), false, url);
}

static void test_urls(void)
{
    static const struct {
        const char *url;
        enum aw_url_error error;
        bool loopback;
    } cases[] = {
        {"https://api.awork.com/api/v1", AW_URL_GOOD, false},
        {"HTTPS://API.awork.com", AW_URL_GOOD, false},
        {"https://api.awork.com.:8443/", AW_URL_GOOD, false},
        {"https://xn--bcher-kva.example/a/b/", AW_URL_GOOD, false},
        {"https://10.0.0.1/", AW_URL_GOOD, false},
        {"https://[2001:db8::1]:8443/x", AW_URL_GOOD, false},
        {"https://localhost.evil.com", AW_URL_GOOD, false},
        {"https://localhost.", AW_URL_GOOD, false},
        {"https://[::ffff:127.0.0.1]/", AW_URL_GOOD, false},
        {"https://a_b.example/%41/~x", AW_URL_GOOD, false},
        {"http://localhost", AW_URL_GOOD, true},
        {"HTTP://LOCALHOST:8080/api", AW_URL_GOOD, true},
        {"http://127.0.0.1", AW_URL_GOOD, true},
        {"https://127.255.0.9:65535", AW_URL_GOOD, true},
        {"http://[::1]:80/x", AW_URL_GOOD, true},
        {"http://[0:0:0:0:0:0:0:1]/", AW_URL_GOOD, true},
        {"http://localhost.", AW_URL_INSECURE, false},
        {"http://localhost.evil.com", AW_URL_INSECURE, false},
        {"http://127.0.0.1.evil.com", AW_URL_INSECURE, false},
        {"http://[::ffff:127.0.0.1]/", AW_URL_INSECURE, false},
        {"http://[::]/", AW_URL_INSECURE, false},
        {"http://0.0.0.0/", AW_URL_INSECURE, false},
        {"http://api.awork.com", AW_URL_INSECURE, false},
        {"http://sub.localhost/", AW_URL_INSECURE, false},
        {"http://127.0.0.999", AW_URL_ADDRESS, false},
        {"http://127.1", AW_URL_ADDRESS, false},
        {"http://0x7f.1", AW_URL_ADDRESS, false},
        {"http://0x7F000001", AW_URL_ADDRESS, false},
        {"https://2130706433", AW_URL_ADDRESS, false},
        {"http://0", AW_URL_ADDRESS, false},
        {"http://127.0.0.1.", AW_URL_ADDRESS, false},
        {"http://0177.0.0.1", AW_URL_ADDRESS, false},
        {"https://1.2.3.4.5", AW_URL_ADDRESS, false},
        {"https://evil.com.1", AW_URL_ADDRESS, false},
        {"http://localhost%2eevil.com", AW_URL_HOST, false},
        {"http://%6cocalhost", AW_URL_HOST, false},
        {"https://", AW_URL_HOST, false},
        {"https:///x", AW_URL_HOST, false},
        {"https://:443", AW_URL_HOST, false},
        {"https://.", AW_URL_HOST, false},
        {"https://a..b", AW_URL_HOST, false},
        {"https://.a", AW_URL_HOST, false},
        {"https://[::1", AW_URL_HOST, false},
        {"https://[::1]x", AW_URL_HOST, false},
        {"https://[fe80::1%25eth0]/", AW_URL_HOST, false},
        {"https://[v1.x]/", AW_URL_HOST, false},
        {"https://a,b", AW_URL_HOST, false},
        {"https://::1/", AW_URL_HOST, false},
        {"http://localhost:", AW_URL_PORT, false},
        {"http://localhost:0", AW_URL_PORT, false},
        {"http://localhost:080", AW_URL_PORT, false},
        {"http://localhost:65536", AW_URL_PORT, false},
        {"http://localhost:8o", AW_URL_PORT, false},
        {"http://localhost:80:80", AW_URL_PORT, false},
        {"https://h:-1", AW_URL_PORT, false},
        {"http://127.0.0.1@evil.com", AW_URL_USER, false},
        {"https://user:pw@h/", AW_URL_USER, false},
        {"http://localhost#@evil.com", AW_URL_QUERY, true},
        {"http://localhost?@evil.com", AW_URL_QUERY, true},
        {"https://h/x?q=1", AW_URL_QUERY, false},
        {"https://h/#", AW_URL_QUERY, false},
        {"http://localhost\\@evil.com", AW_URL_BYTES, false},
        {"https://h\\x", AW_URL_BYTES, false},
        {"https://h h/", AW_URL_BYTES, false},
        {" https://h/", AW_URL_FORM, false},
        {"https://h/ ", AW_URL_BYTES, false},
        {"https://h\t/", AW_URL_BYTES, false},
        {"https://h\r\n/", AW_URL_BYTES, false},
        {"https://b\xc3\xbc"
         "cher.example",
         AW_URL_BYTES, false},
        {"https://api\xe3\x80\x82"
         "awork.com",
         AW_URL_BYTES, false},
        {"https://h/a//b", AW_URL_PATH, false},
        {"https://h/../x", AW_URL_PATH, false},
        {"https://h/x/..", AW_URL_PATH, false},
        {"https://h/./x", AW_URL_PATH, false},
        {"https://h/%2e%2E/x", AW_URL_PATH, false},
        {"https://h/a%2fb", AW_URL_PATH, false},
        {"https://h/a%0ab", AW_URL_PATH, false},
        {"https://h/a%", AW_URL_PATH, false},
        {"https://h/a%zz", AW_URL_PATH, false},
        {"https://h/a|b", AW_URL_PATH, false},
        {"https://h/a@b", AW_URL_PATH, false},
        {"", AW_URL_FORM, false},
        {"api.awork.com", AW_URL_FORM, false},
        {"https:/h", AW_URL_FORM, false},
        {"ftp://h/", AW_URL_FORM, false},
        {"file:///etc/passwd", AW_URL_FORM, false},
        {"//localhost", AW_URL_FORM, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct aw_url url;
        enum aw_url_error error = read_url(cases[i].url, &url);
        if (error != cases[i].error || (error == AW_URL_GOOD && url.loopback != cases[i].loopback))
            printf("%s: %d\n", cases[i].url, (int)error);
        CHECK(error == cases[i].error);
        CHECK(error != AW_URL_GOOD || url.loopback == cases[i].loopback);
        CHECK(error == AW_URL_GOOD || strlen(aw_url_message(error)) > 10);
    }
    struct aw_url url;
    CHECK(aw_url_read_base("https://h/\0x", 12, false, &url) == AW_URL_BYTES);
    CHECK(aw_url_read_base("https://h\0.evil", 15, false, &url) == AW_URL_BYTES);
    CHECK(aw_url_read_base("http://h/", 9, true, &url) == AW_URL_GOOD && !url.https && !url.loopback);
    char longest[AW_BASE_MAX + 2] = "https://h/";
    memset(longest + 10, 'x', AW_BASE_MAX - 9);
    CHECK(aw_url_read_base(longest, AW_BASE_MAX, false, &url) == AW_URL_GOOD);
    CHECK(aw_url_read_base(longest, AW_BASE_MAX + 1, false, &url) == AW_URL_LONG);
    char label[80] = "https://";
    memset(label + 8, 'a', 64);
    CHECK(aw_url_read_base(label, 8 + 63, false, &url) == AW_URL_GOOD);
    CHECK(aw_url_read_base(label, 8 + 64, false, &url) == AW_URL_HOST);
    CHECK(aw_url_read("https://h:8443/a?b", 18, false, &url) == AW_URL_GOOD && url.origin_len == 14 &&
          url.host_at == 8 && url.host_len == 1);
}

static void test_proxies(void)
{
    static const char *const good[] = {"",
                                       "proxy.example:3128",
                                       "http://u:p@proxy.example:3128",
                                       "socks5h://127.0.0.1:1080",
                                       "http://[::1]:3128",
                                       "http://us%40er:p%3Aw@proxy",
                                       "socks4a://h",
                                       "http://proxy/"};
    static const char *const bad[] = {"http://user:s3cretpw@bad host:3128",
                                      "http://user:s3cretpw@h:99999",
                                      "socks9://user:s3cretpw@h:1",
                                      "http://user:s3cretpw@h:0",
                                      "ftp://h",
                                      "http://",
                                      "http://u:p#q@h:1",
                                      "http://h:1?x",
                                      "http://h\\x",
                                      "http://\xc3\xbc",
                                      "http://h:1/\r\n",
                                      "http://u:%00@h:1",
                                      "http://300.1.1.1:80",
                                      "://",
                                      "http://u:p@h@:1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(aw_proxy_fault(good[i], strlen(good[i])) == NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *fault = aw_proxy_fault(bad[i], strlen(bad[i]));
        CHECK(fault != NULL && !strstr(fault, "s3cret"));
    }
    CHECK(aw_proxy_fault("http://h\0:1", 11) != NULL);
}

static void test_headers(void)
{
    static const struct {
        const char *name;
        enum aw_header_error client, request, library;
    } cases[] = {
        {"X-Host", AW_HEADER_GOOD, AW_HEADER_GOOD, AW_HEADER_GOOD},
        {"Accept", AW_HEADER_GOOD, AW_HEADER_GOOD, AW_HEADER_GOOD},
        {"Content-Type", AW_HEADER_RESERVED, AW_HEADER_GOOD, AW_HEADER_GOOD},
        {"AUTHORIZATION", AW_HEADER_RESERVED, AW_HEADER_RESERVED, AW_HEADER_GOOD},
        {"te", AW_HEADER_RESERVED, AW_HEADER_RESERVED, AW_HEADER_RESERVED},
        {"Host", AW_HEADER_RESERVED, AW_HEADER_RESERVED, AW_HEADER_RESERVED},
        {"Content-Length", AW_HEADER_RESERVED, AW_HEADER_RESERVED, AW_HEADER_RESERVED},
        {"Transfer-Encoding", AW_HEADER_RESERVED, AW_HEADER_RESERVED, AW_HEADER_RESERVED},
        {"connection", AW_HEADER_RESERVED, AW_HEADER_RESERVED, AW_HEADER_RESERVED},
        {"Keep-Alive", AW_HEADER_RESERVED, AW_HEADER_RESERVED, AW_HEADER_RESERVED},
        {"Proxy-Authorization", AW_HEADER_RESERVED, AW_HEADER_RESERVED, AW_HEADER_RESERVED},
        {"upgrade", AW_HEADER_RESERVED, AW_HEADER_RESERVED, AW_HEADER_RESERVED},
        {"Expect", AW_HEADER_RESERVED, AW_HEADER_RESERVED, AW_HEADER_RESERVED},
        {":path", AW_HEADER_NAME, AW_HEADER_NAME, AW_HEADER_NAME},
        {"", AW_HEADER_NAME, AW_HEADER_NAME, AW_HEADER_NAME},
        {"X Y", AW_HEADER_NAME, AW_HEADER_NAME, AW_HEADER_NAME},
        {"X:", AW_HEADER_NAME, AW_HEADER_NAME, AW_HEADER_NAME},
        {"X\r\nY", AW_HEADER_NAME, AW_HEADER_NAME, AW_HEADER_NAME},
        {"\xc3\xbc", AW_HEADER_NAME, AW_HEADER_NAME, AW_HEADER_NAME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].name);
        CHECK(aw_header_check(cases[i].name, n, "v", 1, AW_BY_CLIENT) == cases[i].client);
        CHECK(aw_header_check(cases[i].name, n, "v", 1, AW_BY_REQUEST) == cases[i].request);
        CHECK(aw_header_check(cases[i].name, n, "v", 1, AW_BY_LIBRARY) == cases[i].library);
    }
    CHECK(aw_header_check("X", 1, "", 0, AW_BY_CLIENT) == AW_HEADER_GOOD);
    CHECK(aw_header_check("X", 1, "a\0b", 3, AW_BY_CLIENT) == AW_HEADER_VALUE);
    CHECK(aw_header_check("X", 1, "a\nb", 3, AW_BY_CLIENT) == AW_HEADER_VALUE);
    CHECK(aw_header_check("X\0", 2, "a", 1, AW_BY_CLIENT) == AW_HEADER_NAME);
}

static void test_tokens(void)
{
    static char many[70000];
    memset(many, 'x', sizeof many);
    CHECK(!aw_token_fault("abc.DEF-123_~+/==", 17));
    CHECK(!aw_token_fault(many, AW_TOKEN_MAX));
    CHECK(strstr(aw_token_fault(many, sizeof many), "longer"));
    CHECK(strstr(aw_token_fault("", 0), "empty"));
    CHECK(strstr(aw_token_fault("abc\n", 4), "line end"));
    CHECK(strstr(aw_token_fault("Bearer abc", 10), "Bearer"));
    CHECK(aw_token_fault("a=b", 3) && aw_token_fault("=", 1) && aw_token_fault("a\0", 2));
}

/* What is left of a text; with `cut`, as of one that was cut off. */
static const char *redacted(const char *text, const char *secret, bool cut)
{
    static char buffer[1024];
    struct aw_secret *s = aw_secret_new(secret, strlen(secret));
    size_t n = strlen(text);
    memcpy(buffer, text, n);
    buffer[aw_redact(buffer, n, s, cut)] = '\0';
    aw_secret_drop(s);
    return buffer;
}

static void test_redaction(void)
{
    static const struct {
        const char *text, *secret, *left;
        bool cut;
    } cases[] = {
        {"it is Tok3nTok3n.", "Tok3nTok3n", "it is [secret].", false},
        {"Tok3nTok3nTok3nTok3n", "Tok3nTok3n", "[secret][secret]", false},
        {"Tok3nTok3", "Tok3nTok3n", "Tok3nTok3", false},
        {"Tok3nTok3Tok3nTok3n", "Tok3nTok3n", "Tok3nTok3[secret]", false},
        {"aaaab aaab", "aaab", "a*** ***", false},
        {"x abcd y", "abcd", "x *** y", false},
        {"abc", "abc", "abc", false}, /* too short to be looked for */
        {"\\u0054ok3n\\/x1 and \\n", "Tok3n/x1", "[secret] and \\n", false},
        {"\\\\u0054ok3n\\/x1", "Tok3n/x1", "\\\\u0054ok3n\\/x1", false}, /* a backslash, and then no escape */
        {"\\u0054ok3nx and Tok3nx", "Tok3nx", "[secret] and ***", false},
        {"\\u00e4 Tok3nx", "Tok3nx", "\\u00e4 ***", false},
        {"said Tok3nTo", "Tok3nTok3n", "said ", true},
        {"said Tok", "Tok3nTok3n", "said Tok", true},
        {"said Tok3nTok3n", "Tok3nTok3n", "said [secret]", true},
        /* Behind a backslash that escapes nothing, and behind one that might, where something else is escaped. */
        {"C:\\Tok3nTok3n \\u0054", "Tok3nTok3n", "C:\\[secret] \\u0054", false},
        {"C:\\nTok3nTok \\u006e", "nTok3nTok", "C:\\[secret] \\u006e", false},
        {"C:\\\\u0054ok3n\\Tok3nx \\u0054", "Tok3nx", "C:\\\\u0054ok3n\\*** \\u0054", false},
        {"\\c\\u0054ok3nx", "Tok3nx", "\\c[secret]", false},
        {"\\u006e C:\\nTok3n", "nTok3nTok", "\\u006e C:\\", true},
        {"\\u006e C:\\\\Tok3n", "Tok3nTok3n", "\\u006e C:\\\\", true},
        {"\\", "abcd", "\\", false},
        {"\\u00", "abcd", "\\u00", false},
        {"", "abcd", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *left = redacted(cases[i].text, cases[i].secret, cases[i].cut);
        if (strcmp(left, cases[i].left) != 0)
            printf("%s: %s\n", cases[i].text, left);
        CHECK(strcmp(left, cases[i].left) == 0);
    }
    /* Random texts of few letters, some as escapes: what is left holds no secret, and nothing is lost that was none. */
    unsigned state = 1;
    for (int round = 0; round < 20000; round++) {
        char text[400], plain[100];
        size_t n = 0, points = 0;
        for (; points < 60; points++) {
            state = state * 1103515245u + 12345u;
            char c = (char)('a' + (state >> 20) % 2);
            plain[points] = c;
            if ((state >> 25) % 4 == 0)
                n += (size_t)snprintf(text + n, 8, "\\u%04X", (unsigned)c);
            else
                text[n++] = c;
        }
        plain[points] = text[n] = '\0';
        const char *left = redacted(text, "abaabab", false);
        char back[400];
        size_t m = 0;
        for (const char *p = left; *p; m++) {
            if (*p == '\\') {
                back[m] = (char)strtol((char[]){p[4], p[5], '\0'}, NULL, 16);
                p += 6;
            } else {
                back[m] = *p++;
            }
        }
        back[m] = '\0';
        CHECK(!strstr(back, "abaabab"));
        CHECK(strstr(plain, "abaabab") ? strcmp(left, text) != 0 : strcmp(left, text) == 0);
    }
    /* All of a long text is the secret, over and over: one pass. */
    size_t n = LONG_TEXT;
    char *echo = malloc(n);
    struct aw_secret *s = aw_secret_new("TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT", 40);
    CHECK(echo && s);
    memset(echo, 'T', n);
    CHECK(aw_redact(echo, n, s, false) == n / 40 * 8);
    memset(echo, 'T', n);
    echo[0] = '\\', echo[1] = 'u', echo[2] = '0', echo[3] = '0', echo[4] = '5', echo[5] = '4';
    CHECK(aw_redact(echo, n, s, false) < n / 4);
    free(echo);
    aw_secret_drop(aw_secret_use(s));
    aw_secret_drop(s);
    aw_secret_drop(NULL);
    CHECK(!aw_secret_new(NULL, 1 << 16));
}

/* A clock that jumps to and fro: the limiter's answers stay numbers, and it lets requests go again. */
static void test_wild_clock(void)
{
    struct aw_limiter l;
    unsigned state = 7;
    CHECK(aw_limiter_init(&l, 5, 20, true, 0));
    for (int i = 0; i < 100000; i++) {
        state = state * 1103515245u + 12345u;
        double now = (double)((state >> 8) % 10000) - 5000;
        double wait = aw_limiter_wait(&l, now);
        if (isnan(wait) || wait < 0) {
            CHECK(false);
            break;
        }
        if (wait == 0) {
            struct aw_ticket ticket = aw_limiter_begin(&l, now);
            aw_limiter_end(&l, &ticket, state % 3 != 0, now - 1);
        }
    }
    CHECK(aw_limiter_wait(&l, 20000) == 0);
    aw_limiter_free(&l);
}

int main(void)
{
    test_urls();
    test_proxies();
    test_headers();
    test_tokens();
    test_redaction();
    test_wild_clock();
    return check_report();
}
