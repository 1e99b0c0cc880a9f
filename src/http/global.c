#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr, RTLD_NODELETE, RTLD_NOLOAD */
#endif
#include "global.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool ready;

static void init(void)
{
    ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    /* Pin libcurl. Statically linked, there is nothing to pin, and dlopen says so without harm. */
    Dl_info info;
    CURLcode (*fn)(long) = curl_global_init;
    void *address = (void *)(uintptr_t)fn;
    if (dladdr(address, &info) && info.dli_fname)
        (void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

bool aw_global_init(void)
{
    return pthread_once(&once, init) == 0 && ready;
}
