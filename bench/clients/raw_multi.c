/* The floor for many at once: a multi handle with reused easy handles. Usage: raw_multi URL TOKEN COUNT CONCURRENCY */
#include "raw.h"

enum { MOST = 64 };

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    static struct raw_answer answers[MOST];
    struct curl_slist *headers = NULL;
    CURL *easies[MOST];
    CURLM *multi = curl_multi_init();
    long count = strtol(argv[3], NULL, 10), started = 0, finished = 0;
    int width = (int)strtol(argv[4], NULL, 10), running = 0;
    if (width < 1 || width > MOST)
        return 2;
    for (int i = 0; i < width; i++) {
        easies[i] = raw_easy(argv[1], argv[2], &headers, &answers[i]);
        curl_easy_setopt(easies[i], CURLOPT_PRIVATE, (void *)&answers[i]);
        if (started < count) {
            curl_multi_add_handle(multi, easies[i]);
            started++;
        }
    }
    while (finished < count) {
        curl_multi_perform(multi, &running);
        CURLMsg *message;
        int left;
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            CURL *easy = message->easy_handle;
            struct raw_answer *answer;
            raw_check(easy, message->data.result);
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&answer);
            answer->used = 0;
            finished++;
            curl_multi_remove_handle(multi, easy);
            if (started < count) {
                curl_multi_add_handle(multi, easy);
                started++;
            }
        }
        if (finished < count)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    for (int i = 0; i < width; i++) {
        curl_multi_remove_handle(multi, easies[i]);
        curl_easy_cleanup(easies[i]);
    }
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    return 0;
}
