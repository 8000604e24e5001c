import http from "node:http";

// Sends one request, prints the answer's body, and exits with 1 unless it was a success.
export function send(url, method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: url.hostname, port: url.port, method, path, headers }, (response) => {
      response.pipe(process.stdout);
      response.on("end", () => {
        process.exitCode = response.statusCode < 300 ? 0 : 1;
        if (process.exitCode) console.error(`answered ${response.statusCode}`);
        resolve();
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}
