import dev.counterseal.v1.Header;
import dev.counterseal.v1.HttpRequest;
import dev.counterseal.v1.IssueKeyRequest;
import dev.counterseal.v1.KeyServiceGrpc;
import dev.counterseal.v1.VerificationServiceGrpc;
import dev.counterseal.v1.VerifyRequest;

import com.google.protobuf.ByteString;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Issues a key, then verifies the HTTP request in the file COUNTERSEAL_REQUEST (default: one without a signature). */
class Verify {
  public static void main(String[] args) throws Exception {
    var env = System.getenv();
    var server = env.getOrDefault("COUNTERSEAL_SERVER", "127.0.0.1:50051");
    var channel = Grpc.newChannelBuilder(server, InsecureChannelCredentials.create()).build();

    var admin = new Metadata();
    admin.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + env.get("COUNTERSEAL_TOKEN"));
    var keys = KeyServiceGrpc.newBlockingStub(channel).withInterceptors(MetadataUtils.newAttachHeadersInterceptor(admin));
    var issued = keys.issueKey(IssueKeyRequest.newBuilder().setPrincipal("java").build());
    System.out.println("issued " + issued.getKey().getKeyId());

    var path = env.get("COUNTERSEAL_REQUEST");
    var lines = path == null ? List.of("GET /hello HTTP/1.1", "host: example.test") : Files.readAllLines(Path.of(path));
    var request = VerifyRequest.newBuilder().setHttpRequest(readRequest(lines)).build();
    var response = VerificationServiceGrpc.newBlockingStub(channel).verify(request);
    System.out.println(switch (response.getOutcomeCase()) {
      case VERIFIED -> "verified " + response.getVerified().getKeyId();
      case REJECTED -> "rejected " + response.getRejected().getReason();
      case OUTCOME_NOT_SET -> "not verified: an outcome that this program does not know";
    });
    channel.shutdownNow();
  }

  /** Takes the lines of a request without a body apart; a gateway copies the fields from its HTTP server instead. */
  private static HttpRequest readRequest(List<String> lines) {
    var start = lines.get(0).split(" ");
    var request = HttpRequest.newBuilder().setMethod(start[0]).setTarget(ByteString.copyFromUtf8(start[1])).setContent(ByteString.EMPTY);
    for (var line : lines.subList(1, lines.size())) {
      var field = line.split(": ", 2);
      request.addHeaders(Header.newBuilder().setName(field[0]).setValue(ByteString.copyFromUtf8(field[1])));
    }
    return request.build();
  }
}
