/* The floor for sequential creates: one easy handle, reused. Usage: raw_easy URL TOKEN COUNT */
#include "raw.h"

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct curl_slist *headers = NULL;
    struct raw_answer answer = {.used = 0};
    CURL *easy = raw_easy(argv[1], argv[2], &headers, &answer);
    long count = strtol(argv[3], NULL, 10);
    for (long i = 0; i < count; i++) {
        answer.used = 0;
        raw_check(easy, curl_easy_perform(easy));
    }
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    return 0;
}
