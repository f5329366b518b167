/* The connection to the server, which holds the simulated GPU. A question is the length of its text, the length of the
   data behind it, both; an answer the length of its text, and that. */

#define _GNU_SOURCE
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connection = -1;

bool wire_connect(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/server", folder());
    if (length >= (int)sizeof address.sun_path) return false;
    connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connection >= 0 && !connect(connection, (struct sockaddr *)&address, sizeof address);
}

static bool send_all(const void *data, size_t bytes) {
    while (bytes) {
        ssize_t sent = send(connection, data, bytes, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        data = (const char *)data + sent;
        bytes -= sent;
    }
    return true;
}

static bool receive_all(void *data, size_t bytes) {
    while (bytes) {
        ssize_t got = recv(connection, data, bytes, 0);
        if (got <= 0) return false;
        data = (char *)data + got;
        bytes -= got;
    }
    return true;
}

static bool send_head(const uint64_t head[2], int fd) {
    struct iovec part = {(void *)head, 2 * sizeof *head};
    union {
        char bytes[CMSG_SPACE(sizeof fd)];
        struct cmsghdr aligned;
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        *CMSG_FIRSTHDR(&message) =
            (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof fd);
    }
    return sendmsg(connection, &message, MSG_NOSIGNAL) == (ssize_t)part.iov_len;
}

CUresult wire_ask(const char *text, const void *data, size_t bytes, int fd, char **reply) {
    static char *answer;
    uint64_t head[2] = {strlen(text), bytes}, length;
    if (!send_head(head, fd) || !send_all(text, head[0]) || !send_all(data, bytes) ||
        !receive_all(&length, sizeof length))
        return refuse(break_context(CUDA_ERROR_UNKNOWN), "the server is gone");
    free(answer);
    answer = calloc(1, length + 1);
    if (!answer) abort();
    if (!receive_all(answer, length)) return refuse(break_context(CUDA_ERROR_UNKNOWN), "the server is gone");
    char *rest;
    CUresult error = strtol(answer, &rest, 10);
    if (reply) *reply = rest;
    return error;
}
