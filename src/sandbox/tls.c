/*
 * A certificate authority and a server certificate, made at start by gnutls. The keys never touch the disk;
 * the authority's certificate does, in a directory of its own (0700), so that a client can be told to trust
 * it.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sandbox.h"

#define DAY 86400

struct pair {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
};

static void pair_free(struct pair *p)
{
    if (p->crt != NULL)
        gnutls_x509_crt_deinit(p->crt);
    if (p->key != NULL)
        gnutls_x509_privkey_deinit(p->key);
    p->crt = NULL;
    p->key = NULL;
}

/* A fresh P-256 key and a certificate for it, all but signed. 0 or a gnutls error. */
static int pair_init(struct pair *p, const char *name, unsigned char serial, time_t from, time_t to)
{
    unsigned char number[9] = {serial};
    unsigned char id[20];
    size_t id_len = sizeof id;
    int rc;
    (void)((rc = gnutls_rnd(GNUTLS_RND_NONCE, number + 1, sizeof number - 1)) < 0 ||
           (rc = gnutls_x509_privkey_init(&p->key)) < 0 ||
           (rc = gnutls_x509_privkey_generate(p->key, GNUTLS_PK_ECDSA,
                                              GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0)) < 0 ||
           (rc = gnutls_x509_crt_init(&p->crt)) < 0 || (rc = gnutls_x509_crt_set_version(p->crt, 3)) < 0 ||
           (rc = gnutls_x509_crt_set_serial(p->crt, number, sizeof number)) < 0 ||
           (rc = gnutls_x509_crt_set_dn_by_oid(p->crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                               (unsigned int)strlen(name))) < 0 ||
           (rc = gnutls_x509_crt_set_activation_time(p->crt, from)) < 0 ||
           (rc = gnutls_x509_crt_set_expiration_time(p->crt, to)) < 0 ||
           (rc = gnutls_x509_crt_set_key(p->crt, p->key)) < 0 ||
           (rc = gnutls_x509_crt_get_key_id(p->crt, GNUTLS_KEYID_USE_SHA1, id, &id_len)) < 0 ||
           (rc = gnutls_x509_crt_set_subject_key_id(p->crt, id, id_len)) < 0);
    return rc;
}

static int sign(struct pair *p, const struct pair *by)
{
    unsigned char id[20];
    size_t id_len = sizeof id;
    int rc = gnutls_x509_crt_get_key_id(by->crt, GNUTLS_KEYID_USE_SHA1, id, &id_len);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_authority_key_id(p->crt, id, id_len);
    if (rc >= 0)
        rc = gnutls_x509_crt_sign2(p->crt, by->crt, by->key, GNUTLS_DIG_SHA256, 0);
    return rc;
}

/* The server answers on loopback: localhost, 127.0.0.1 and ::1; or some other host, to be refused. */
static int set_names(gnutls_x509_crt_t crt, bool wrong)
{
    static const unsigned char v4[4] = {127, 0, 0, 1};
    static const unsigned char v6[16] = {[15] = 1};
    const char *name = wrong ? "elsewhere.example" : "localhost";
    int rc = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned int)strlen(name),
                                                  GNUTLS_FSAN_SET);
    if (rc >= 0 && !wrong)
        rc = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, v4, sizeof v4,
                                                  GNUTLS_FSAN_APPEND);
    if (rc >= 0 && !wrong)
        rc = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, v6, sizeof v6,
                                                  GNUTLS_FSAN_APPEND);
    return rc;
}

static int make_authority(struct pair *ca, time_t now)
{
    int rc = pair_init(ca, "awork sandbox authority", 1, now - DAY, now + 30 * DAY);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_basic_constraints(ca->crt, 1, 0);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_usage(ca->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
    if (rc >= 0)
        rc = sign(ca, ca);
    return rc;
}

static int make_server(struct pair *server, const struct pair *ca, const char *kind, time_t now)
{
    bool expired = strcmp(kind, "expired") == 0;
    int rc = pair_init(server, "awork sandbox", 2, now - 10 * DAY, expired ? now - DAY : now + 30 * DAY);
    if (rc >= 0)
        rc = set_names(server->crt, strcmp(kind, "wrong_host") == 0);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_basic_constraints(server->crt, 0, -1);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_usage(server->crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_purpose_oid(server->crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
    if (rc >= 0)
        rc = sign(server, strcmp(kind, "self_signed") == 0 ? server : ca);
    return rc;
}

/* gnutls's own memory into ours. NULL without memory. */
static char *take(gnutls_datum_t *pem)
{
    char *copy = malloc(pem->size + 1);
    if (copy != NULL) {
        memcpy(copy, pem->data, pem->size);
        copy[pem->size] = '\0';
    }
    gnutls_free(pem->data);
    pem->data = NULL;
    return copy;
}

static int write_file(struct sb_config *c, const char *pem)
{
    const char *tmp = getenv("TMPDIR");
    if (tmp == NULL || tmp[0] != '/')
        tmp = "/tmp";
    size_t len = strlen(tmp) + sizeof "/awork-sandbox-XXXXXX/ca.pem";
    c->dir = malloc(len);
    c->ca_file = malloc(len);
    if (c->dir == NULL || c->ca_file == NULL) {
        free(c->dir); /* nothing to remove from the disk */
        c->dir = NULL;
        return -1;
    }
    snprintf(c->dir, len, "%s/awork-sandbox-XXXXXX", tmp);
    if (mkdtemp(c->dir) == NULL) {
        free(c->dir);
        c->dir = NULL;
        return -1;
    }
    snprintf(c->ca_file, len, "%s/ca.pem", c->dir);
    int fd = open(c->ca_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd == -1)
        return -1;
    size_t left = strlen(pem);
    while (left > 0) {
        ssize_t n = write(fd, pem, left);
        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        pem += n;
        left -= (size_t)n;
    }
    return close(fd) == 0 && left == 0 ? 0 : -1;
}

int sb_tls_make(struct sb_config *c, const char *kind, const char **why)
{
    struct pair ca = {NULL, NULL}, server = {NULL, NULL};
    gnutls_datum_t key = {NULL, 0}, crt = {NULL, 0}, root = {NULL, 0};
    time_t now = time(NULL);
    int rc = make_authority(&ca, now);
    if (rc >= 0)
        rc = make_server(&server, &ca, kind, now);
    if (rc >= 0)
        rc = gnutls_x509_privkey_export2(server.key, GNUTLS_X509_FMT_PEM, &key);
    if (rc >= 0)
        rc = gnutls_x509_crt_export2(server.crt, GNUTLS_X509_FMT_PEM, &crt);
    if (rc >= 0)
        rc = gnutls_x509_crt_export2(ca.crt, GNUTLS_X509_FMT_PEM, &root);
    pair_free(&server);
    pair_free(&ca);
    if (rc < 0) {
        gnutls_free(key.data);
        gnutls_free(crt.data);
        *why = gnutls_strerror(rc);
        return -1;
    }
    c->key = take(&key);
    c->cert = take(&crt);
    char *pem = take(&root);
    if (c->priorities == NULL)
        c->priorities = strdup("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2");
    if (c->key == NULL || c->cert == NULL || pem == NULL || c->priorities == NULL) {
        free(pem);
        *why = "not enough memory";
        return -1;
    }
    rc = write_file(c, pem);
    free(pem);
    if (rc != 0)
        *why = "can't write the authority's certificate to the temporary directory";
    return rc;
}

/* Remove the file and its directory; free what sb_tls_make made. */
void sb_tls_remove(struct sb_config *c)
{
    if (c->dir != NULL) {
        unlink(c->ca_file);
        rmdir(c->dir);
    }
    if (c->key != NULL)
        gnutls_memset(c->key, 0, strlen(c->key));
    free(c->dir);
    free(c->ca_file);
    free(c->key);
    free(c->cert);
    c->dir = c->ca_file = c->key = c->cert = NULL;
}
