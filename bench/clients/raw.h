/* What the two raw libcurl programs share: the request that every client of the benchmark makes. */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static const char RAW_BODY[] = "{\"type\":\"phone\",\"subType\":\"work\",\"value\":\"+49 30 23125 001\"}";

struct raw_answer {
    char data[4096];
    size_t used;
};

static size_t raw_write(char *data, size_t size, size_t n, void *user)
{
    struct raw_answer *answer = user;
    size_t length = size * n;
    if (answer->used + length > sizeof answer->data)
        return 0;
    for (size_t i = 0; i < length; i++)
        answer->data[answer->used + i] = data[i];
    answer->used += length;
    return length;
}

static CURL *raw_easy(const char *url, const char *token, struct curl_slist **headers,
                      struct raw_answer *answer)
{
    static char authorization[512];
    CURL *easy = curl_easy_init();
    if (easy == NULL)
        exit(1);
    if (*headers == NULL) {
        snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token);
        *headers = curl_slist_append(*headers, authorization);
        *headers = curl_slist_append(*headers, "Content-Type: application/json");
        *headers = curl_slist_append(*headers, "Accept: application/json");
    }
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* The same request on the wire as awork's. */
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "awork-lua/0.1.0");
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, RAW_BODY);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)(sizeof RAW_BODY - 1));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, raw_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)answer);
    return easy;
}

static void raw_check(CURL *easy, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200) {
        fprintf(stderr, "raw: %s, status %ld\n", curl_easy_strerror(code), status);
        exit(1);
    }
}

#endif
