/*
 * What libcurl is told about proxies, whichever version it is: before 7.86 it took "127.0.0.0/8" for a name, so a loopback
 * host must be no proxy's by itself. Stands between the engine and curl_easy_setopt.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "../../src/http/engine.h"
#include "check.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static char proxy[64], no_proxy[64];

static void note(char *to, const char *value)
{
    snprintf(to, sizeof proxy, "%s", value ? value : "(null)");
}

#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    CURLcode (*real)(CURL *, CURLoption, ...) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "curl_easy_setopt");
    memcpy(&real, &symbol, sizeof real);
    va_list arguments;
    CURLcode code;
    va_start(arguments, option);
    if (option >= CURLOPTTYPE_OFF_T) {
        code = real(easy, option, va_arg(arguments, curl_off_t));
    } else if (option >= CURLOPTTYPE_OBJECTPOINT) { /* a pointer to something, or to a function */
        void *value = va_arg(arguments, void *);
        if (option == CURLOPT_PROXY)
            note(proxy, value);
        else if (option == CURLOPT_NOPROXY)
            note(no_proxy, value);
        code = real(easy, option, value);
    } else {
        code = real(easy, option, va_arg(arguments, long));
    }
    va_end(arguments);
    return code;
}

/* Sends a request that reaches nobody, by the one handle there is. */
static void send_to(aw_engine *e, const char *url)
{
    int64_t id;
    struct aw_request r = {
        .method = "GET", .method_len = 3, .url = url, .url_len = strlen(url), .safe = true};
    CHECK(aw_engine_submit(e, &r, aw_now(), &id) == AW_SUBMITTED);
    aw_engine_step(e, aw_now());
    aw_engine_cancel(e, id);
}

static void test_loopback(const char *given, const char *excepted)
{
    static const char *const here[] = {"http://127.0.0.1:1/", "http://127.9.8.7:1/",   "http://localhost:1/",
                                       "http://[::1]:1/",     "https://127.0.0.1:1/x", "HTTP://LOCALHOST:1"};
    struct aw_options o;
    char why[AW_WHY];
    aw_options_init(&o);
    o.proxy = given;
    o.no_proxy = excepted;
    o.allow_http = true;
    aw_engine *e = aw_engine_new(&o, aw_now(), why);
    CHECK(e != NULL);
    const char *wanted = given ? given : "http://127.0.0.1:2";
    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
        send_to(e, here[i]);
        CHECK_STR(no_proxy, "*");
        CHECK_STR(proxy, *wanted ? "" : proxy);
        send_to(e, "http://elsewhere.invalid/");
        CHECK_STR(proxy, wanted);
        CHECK_STR(no_proxy, !*wanted ? "*" : excepted ? excepted : "intern.invalid");
    }
    aw_engine_free(e);
}

int main(void)
{
    setenv("https_proxy", "http://127.0.0.1:2", 1);
    setenv("http_proxy", "http://127.0.0.1:3", 1);
    setenv("all_proxy", "http://127.0.0.1:3", 1);
    setenv("no_proxy", "intern.invalid", 1);
    test_loopback("http://user:password@127.0.0.1:1", "");
    test_loopback("http://127.0.0.1:1", "a.invalid,b.invalid");
    test_loopback("http://127.0.0.1:1", NULL);
    test_loopback(NULL, NULL);
    test_loopback("", NULL);
    return check_report();
}
