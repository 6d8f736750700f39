// An open-loop HTTP client for ad requests: requests are due at even steps and go out when they are due, however long the server takes with
// those before. One that finds every connection busy waits, and its latency counts from when it was due, so that a slow answer can't hide the
// requests that it held up. Prints one JSON line.
//
//   paced PORT REQUESTS_PER_SECOND SECONDS SETTLE_SECONDS CONNECTIONS REWARD_SHARE FEATURES [PATIENCE_MS waits|returns]
//
// REWARD_SHARE, in [0, 0.5]: the share of requests that post a reward for the newest prediction instead of asking for another.
// FEATURES: the JSON object that every prediction asks with. Its unit is another each time, as in wrk-predict.lua.
//
// PATIENCE_MS: a request that finds every connection busy is given up after so long, as a caller does that has a deadline; 0: at once. Without it,
// requests wait for ever, and every answer but 200 is a failure. With it, a 503 with Retry-After is a refusal: `waits` leaves its connection alone for
// that long, `returns` uses it at once, as if nothing had been said.
//
// Latencies are those of requests that were due after SETTLE_SECONDS. `failed` counts answers with another status than 200 (rewards: 200 or 202)
// and connections that were closed instead of an answer; `unanswered` what had no answer 5 s after the end. `lateness` is the client's own: from
// when a request was due and had a connection until it was sent. It tells how far latencies can be trusted. `refusals` are those of refusals, from when
// the request was sent.
//
// Exits 1 where it can't do its work: wrong arguments, nobody listens, an answer without Content-Length.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000LL
#define GRACE_NS (5 * NS_PER_SECOND)
#define LONGEST_SLEEP_NS (NS_PER_SECOND / 10)
#define USERS 2000
#define MOST_CONNECTIONS 4096
#define REQUEST_BYTES 65536
#define ANSWER_BYTES 16384
#define TOKEN_BYTES 512

struct samples {
  float *us;
  size_t count;
};

struct connection {
  int socket;
  bool busy;
  bool is_reward;
  int64_t due;
  int64_t sent_at;
  // Until when a refused caller leaves it alone; 0 where it need not.
  int64_t rests_until;
  int64_t free_since;
  size_t received;
  // Bytes of the answer's head and of all of it; 0 while the head has not come.
  size_t head;
  size_t expected;
  char answer[ANSWER_BYTES + 1];
};

static struct {
  int port;
  double per_second;
  double seconds;
  double settle_seconds;
  int connections;
  double reward_share;
  // Below 0: for ever.
  double patience_ms;
  bool waits;
} load;

static struct connection *connections;
static int epoll;
// Indices of connections that wait for a request, the longest-waiting first.
static int idle[MOST_CONNECTIONS];
static int idle_first, idle_count;

static char prediction[REQUEST_BYTES];
static size_t prediction_bytes;
// Where the six digits of the unit stand in `prediction`.
static char *unit_digits;
// Of the newest prediction that has no reward yet; empty where there is none.
static char token[TOKEN_BYTES];

static struct samples predictions, rewards, refusals, lateness;
static size_t sent, answered, failed, refused, given_up;
static int resting;
static int64_t looked_at_resting;

static void give_up(const char *format, ...) {
  va_list values;
  va_start(values, format);
  fputs("paced: ", stderr);
  vfprintf(stderr, format, values);
  fputc('\n', stderr);
  va_end(values);
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * NS_PER_SECOND + time.tv_nsec;
}

static void add_sample(struct samples *samples, int64_t ns) { samples->us[samples->count++] = (float)ns / 1000; }

static void add_idle(int index, int64_t now) {
  connections[index].busy = false;
  connections[index].free_since = now;
  idle[(idle_first + idle_count++) % MOST_CONNECTIONS] = index;
}

static void open_socket(int index) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(load.port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
    give_up("can't connect to port %d: %s", load.port, strerror(errno));
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) give_up("epoll: %s", strerror(errno));
  connections[index].socket = fd;
}

static size_t format_request(char *target, const char *path, const char *body) {
  int bytes = snprintf(target, REQUEST_BYTES,
                       "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s", path,
                       load.port, strlen(body), body);
  if (bytes >= REQUEST_BYTES) give_up("a request has %d bytes, which is more than %d", bytes, REQUEST_BYTES - 1);
  return bytes;
}

static void prepare_prediction(const char *features) {
  static char body[REQUEST_BYTES];
  snprintf(body, sizeof body, "{\"experiment\":\"banner-ctr\",\"unitId\":\"user-000000\",\"features\":%s}", features);
  prediction_bytes = format_request(prediction, "/predict", body);
  unit_digits = strstr(prediction, "user-000000") + strlen("user-");
}

// Whether the request of this number, from 0, is to be a reward: as evenly spread as the share allows.
static bool is_reward_turn(size_t number) {
  return (int64_t)((number + 1) * load.reward_share) > (int64_t)(number * load.reward_share);
}

static void send_next(int64_t due) {
  int index = idle[idle_first];
  idle_first = (idle_first + 1) % MOST_CONNECTIONS;
  idle_count--;
  struct connection *connection = &connections[index];
  connection->is_reward = token[0] != '\0' && is_reward_turn(sent);
  const char *request = prediction;
  size_t bytes = prediction_bytes;
  static char reward[REQUEST_BYTES];
  if (connection->is_reward) {
    char body[TOKEN_BYTES + 32];
    snprintf(body, sizeof body, "{\"decision\":\"%s\"}", token);
    token[0] = '\0';
    bytes = format_request(reward, "/reward", body);
    request = reward;
  } else {
    char digits[16];
    snprintf(digits, sizeof digits, "%06zu", sent % USERS + 1);
    memcpy(unit_digits, digits, 6);
  }
  connection->busy = true;
  connection->due = due;
  connection->received = connection->head = connection->expected = 0;
  int64_t now = now_ns();
  connection->sent_at = now;
  add_sample(&lateness, now - (due > connection->free_since ? due : connection->free_since));
  sent++;
  // A socket that is closed by now says so when it is read.
  ssize_t written = send(connection->socket, request, bytes, MSG_NOSIGNAL);
  if (written >= 0 && (size_t)written != bytes) give_up("the socket took %zd of %zu bytes", written, bytes);
}

static void keep_token(const char *body) {
  static const char name[] = "\"decision\":\"";
  const char *begin = strstr(body, name);
  if (begin == NULL) return;
  begin += sizeof name - 1;
  size_t length = strcspn(begin, "\"");
  if (length >= TOKEN_BYTES) give_up("a token has %zu characters", length);
  memcpy(token, begin, length);
  token[length] = '\0';
}

static void take_answer(struct connection *connection, int64_t now, int64_t start) {
  const char *body = connection->answer + connection->head;
  answered++;
  int status = atoi(connection->answer + strlen("HTTP/1.1 "));
  if (status == 503 && load.patience_ms >= 0) {
    const char *after = strcasestr(connection->answer, "\r\nretry-after:");
    if (after != NULL && after < body) {
      refused++;
      if (connection->due - start >= load.settle_seconds * NS_PER_SECOND) add_sample(&refusals, now - connection->sent_at);
      if (load.waits) connection->rests_until = now + atoi(after + strlen("\r\nretry-after:")) * NS_PER_SECOND;
      return;
    }
  }
  if (status != 200 && !(connection->is_reward && status == 202)) {
    if (failed++ == 0) fprintf(stderr, "paced: first failure, status %d: %s\n", status, body);
    return;
  }
  if (!connection->is_reward && load.reward_share > 0) keep_token(body);
  if (connection->due - start >= load.settle_seconds * NS_PER_SECOND) add_sample(connection->is_reward ? &rewards : &predictions, now - connection->due);
}

static void measure_answer(struct connection *connection) {
  const char *head_end = strstr(connection->answer, "\r\n\r\n");
  if (head_end == NULL) return;
  const char *length = strcasestr(connection->answer, "\r\ncontent-length:");
  if (length == NULL || length > head_end) give_up("an answer has no Content-Length:\n%s", connection->answer);
  connection->head = head_end + 4 - connection->answer;
  connection->expected = connection->head + strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
  if (connection->expected > ANSWER_BYTES) give_up("an answer has %zu bytes", connection->expected);
}

static void read_answer(int index, int64_t start) {
  struct connection *connection = &connections[index];
  ssize_t bytes = read(connection->socket, connection->answer + connection->received, ANSWER_BYTES - connection->received);
  if (bytes < 0 && errno == EAGAIN) return;
  int64_t now = now_ns();
  if (bytes <= 0) {
    // Closing an idle connection is a server's right.
    close(connection->socket);
    open_socket(index);
    if (!connection->busy) return;
    answered++;
    if (failed++ == 0) fputs("paced: first failure: a connection was closed instead of an answer\n", stderr);
    add_idle(index, now);
    return;
  }
  connection->received += bytes;
  connection->answer[connection->received] = '\0';
  if (connection->expected == 0) measure_answer(connection);
  if (connection->expected == 0 || connection->received < connection->expected) return;
  take_answer(connection, now, start);
  connection->busy = false;
  if (connection->rests_until > 0) resting++;
  else add_idle(index, now);
}

// Takes connections back whose callers have waited as long as they were told.
static void end_rests(int64_t now) {
  if (resting == 0 || now - looked_at_resting < NS_PER_SECOND / 1000) return;
  looked_at_resting = now;
  for (int i = 0; i < load.connections; i++) {
    if (connections[i].rests_until == 0 || connections[i].rests_until > now) continue;
    connections[i].rests_until = 0;
    resting--;
    add_idle(i, now);
  }
}

static int64_t run(void) {
  int64_t start = now_ns();
  int64_t end = start + (int64_t)(load.seconds * NS_PER_SECOND);
  double step_ns = NS_PER_SECOND / load.per_second;
  int64_t now = start;
  for (;;) {
    int64_t due = start + (int64_t)((sent + given_up) * step_ns);
    if (due <= now && due < end && idle_count > 0) {
      send_next(due);
      now = now_ns();
      continue;
    }
    if (idle_count == 0 && load.patience_ms >= 0 && due < end && now - due > load.patience_ms * 1e6) {
      given_up++;
      continue;
    }
    if ((due >= end && idle_count + resting == load.connections) || now > end + GRACE_NS) return now - start;
    int64_t sleep_ns = due >= end ? LONGEST_SLEEP_NS : idle_count > 0 ? due - now : load.patience_ms >= 0 || resting > 0 ? NS_PER_SECOND / 10000 : LONGEST_SLEEP_NS;
    if (sleep_ns < 0) sleep_ns = 0;
    struct timespec sleep = {sleep_ns / NS_PER_SECOND, sleep_ns % NS_PER_SECOND};
    struct epoll_event events[256];
    int count = epoll_pwait2(epoll, events, 256, &sleep, NULL);
    for (int i = 0; i < count; i++) read_answer(events[i].data.u32, start);
    now = now_ns();
    end_rests(now);
  }
}

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

// Nearest rank: the smallest sample that at least `share` of all are not above.
static float percentile(const struct samples *samples, double share) {
  size_t rank = (size_t)(share * samples->count);
  return samples->us[rank < samples->count ? rank : samples->count - 1];
}

static void print_samples(const char *name, struct samples *samples) {
  if (samples->count == 0) {
    printf(",\"%s\":null", name);
    return;
  }
  qsort(samples->us, samples->count, sizeof *samples->us, by_value);
  printf(",\"%s\":{\"count\":%zu,\"p50Us\":%.0f,\"p99Us\":%.0f,\"p999Us\":%.0f,\"maxUs\":%.0f}", name, samples->count,
         percentile(samples, 0.5), percentile(samples, 0.99), percentile(samples, 0.999), samples->us[samples->count - 1]);
}

static struct samples room_for(size_t count) {
  struct samples samples = {malloc(count * sizeof(float)), 0};
  if (samples.us == NULL) give_up("no memory for %zu samples", count);
  return samples;
}

int main(int count, char **values) {
  if (count != 8 && count != 10)
    give_up("usage: paced PORT REQUESTS_PER_SECOND SECONDS SETTLE_SECONDS CONNECTIONS REWARD_SHARE FEATURES [PATIENCE_MS waits|returns]");
  load.port = atoi(values[1]);
  load.per_second = atof(values[2]);
  load.seconds = atof(values[3]);
  load.settle_seconds = atof(values[4]);
  load.connections = atoi(values[5]);
  load.reward_share = atof(values[6]);
  load.patience_ms = count == 10 ? atof(values[8]) : -1;
  load.waits = count == 10 && strcmp(values[9], "waits") == 0;
  if (load.port < 1 || load.port > 65535) give_up("PORT is %s, not 1 to 65535", values[1]);
  if (!(load.per_second >= 1)) give_up("REQUESTS_PER_SECOND is %s, not 1 or more", values[2]);
  if (!(load.settle_seconds >= 0 && load.settle_seconds < load.seconds))
    give_up("SETTLE_SECONDS is %s of %s SECONDS; it must be 0 or more, and less than SECONDS", values[4], values[3]);
  if (load.connections < 1 || load.connections > MOST_CONNECTIONS)
    give_up("CONNECTIONS is %s, not 1 to %d", values[5], MOST_CONNECTIONS);
  if (!(load.reward_share >= 0 && load.reward_share <= 0.5)) give_up("REWARD_SHARE is %s, not 0 to 0.5", values[6]);
  if (count == 10 && !(load.patience_ms >= 0)) give_up("PATIENCE_MS is %s, not 0 or more", values[8]);
  if (count == 10 && !load.waits && strcmp(values[9], "returns") != 0) give_up("%s is neither waits nor returns", values[9]);
  prepare_prediction(values[7]);

  size_t most = (size_t)(load.per_second * load.seconds) + 2;
  predictions = room_for(most);
  rewards = room_for(most);
  refusals = room_for(most);
  lateness = room_for(most);
  // Sleeps may otherwise last 50 µs longer than asked, and whatever else has this core would run for milliseconds before a request is sent. Where
  // the latter isn't allowed, the lateness shows it.
  prctl(PR_SET_TIMERSLACK, 1);
  sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
  epoll = epoll_create1(0);
  connections = calloc(load.connections, sizeof *connections);
  if (connections == NULL) give_up("no memory for %d connections", load.connections);
  int64_t now = now_ns();
  for (int i = 0; i < load.connections; i++) {
    open_socket(i);
    add_idle(i, now);
  }

  int64_t took = run();
  printf("{\"sent\":%zu,\"answered\":%zu,\"failed\":%zu,\"unanswered\":%zu,\"refused\":%zu,\"givenUp\":%zu,\"seconds\":%.6f", sent, answered, failed, sent - answered, refused, given_up,
         (double)took / NS_PER_SECOND);
  print_samples("predictions", &predictions);
  print_samples("rewards", &rewards);
  print_samples("refusals", &refusals);
  print_samples("lateness", &lateness);
  puts("}");
  return 0;
}
