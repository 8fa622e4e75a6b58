/* The functions of parallel_kernels.pyx as one writes them in C with OpenMP. */
#include <complex.h>
#include <math.h>
#include <omp.h>

static int escape(double re, double im, double c_re, double c_im, double z_max, int n_max) {
  int i = 0;
  const double z_max2 = z_max * z_max;
  while (re * re + im * im < z_max2 && i < n_max) {
    const double next = re * re - im * im + c_re;
    im = 2 * re * im + c_im;
    re = next;
    ++i;
  }
  return i;
}

void julia(int* counts, int n, double c_re, double c_im, double bound, double z_max, int n_max,
           int threads) {
  const double step = 2.0 * bound / (n - 1);
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int i = 0; i < n; ++i) {
    const double re = -bound + i * step;
    for (int j = 0; j < n; ++j)
      counts[(long)i * n + j] = escape(re, -bound + j * step, c_re, c_im, z_max, n_max);
  }
}

long sieve(unsigned char* segments, long n_segments, long size, const int* primes, long n_primes,
           int threads) {
  long total = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads) reduction(+ : total)
  for (long s = 0; s < n_segments; ++s) {
    unsigned char* marks = segments + s * size;
    const long first = s * size;
    for (long k = 0; k < size; ++k) marks[k] = 1;
    for (long i = 0; i < n_primes; ++i) {
      const long p = primes[i];
      long k = p * p;
      if (k < first) k = first + (p - first % p) % p;
      for (k -= first; k < size; k += p) marks[k] = 0;
    }
    for (long k = 0; k < size; ++k) total += marks[k];
  }
  return total;
}

void heat(double* old, double* new, long n, long m, double k, int steps, int threads) {
  for (int step = 0; step < steps; ++step) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long i = 1; i < n - 1; ++i)
      for (long j = 1; j < m - 1; ++j)
        new[i * m + j] = old[i * m + j] + k * (old[(i - 1) * m + j] + old[(i + 1) * m + j] +
                                               old[i * m + j - 1] + old[i * m + j + 1] -
                                               4.0 * old[i * m + j]);
    double* swap = old;
    old = new;
    new = swap;
  }
}

void n_body(const double* where, double* pull, const double* mass, long n, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (long i = 0; i < n; ++i) {
    const double x = where[3 * i], y = where[3 * i + 1], z = where[3 * i + 2];
    double fx = 0, fy = 0, fz = 0;
    for (long j = 0; j < n; ++j) {
      const double dx = where[3 * j] - x, dy = where[3 * j + 1] - y, dz = where[3 * j + 2] - z;
      const double d2 = dx * dx + dy * dy + dz * dz + 1e-9;
      const double w = mass[j] / (d2 * sqrt(d2));
      fx += w * dx;
      fy += w * dy;
      fz += w * dz;
    }
    pull[3 * i] = fx;
    pull[3 * i + 1] = fy;
    pull[3 * i + 2] = fz;
  }
}

void matrix_product(const double* a, const double* b, double* c, long n, long m, long inner,
                    int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (long i = 0; i < n; ++i) {
    for (long j = 0; j < m; ++j) c[i * m + j] = 0;
    for (long k = 0; k < inner; ++k) {
      const double x = a[i * inner + k];
      for (long j = 0; j < m; ++j) c[i * m + j] += x * b[k * m + j];
    }
  }
}

void histogram(const double* values, long n, long* parts, int bins, double low, double high,
               int threads) {
  const double scale = bins / (high - low);
#pragma omp parallel num_threads(threads)
  {
    long* mine = parts + (long)omp_get_thread_num() * bins;
#pragma omp for schedule(static)
    for (long i = 0; i < n; ++i) {
      const int bin = (int)((values[i] - low) * scale);
      if (0 <= bin && bin < bins) ++mine[bin];
    }
  }
}

double total(const double* values, long n, int threads) {
  double s = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : s)
  for (long i = 0; i < n; ++i) s += values[i];
  return s;
}

int enter(int times, int threads) {
  int s = 0;
  for (int turn = 0; turn < times; ++turn) {
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : s)
    for (int i = 0; i < threads; ++i) s += i;
  }
  return s;
}
