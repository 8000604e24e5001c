import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import software.amazon.awssdk.crt.auth.credentials.Credentials;
import software.amazon.awssdk.crt.auth.signing.AwsSigner;
import software.amazon.awssdk.crt.auth.signing.AwsSigningConfig;
import software.amazon.awssdk.crt.auth.signing.AwsSigningConfig.AwsSignatureType;
import software.amazon.awssdk.crt.auth.signing.AwsSigningConfig.AwsSigningAlgorithm;
import software.amazon.awssdk.crt.http.HttpHeader;
import software.amazon.awssdk.crt.http.HttpRequestBodyStream;

/**
 * Signs chunks and trailers with the AWS Common Runtime, which Python's awscrt is also made of, but offers no chunks.
 *
 * Reads lines "<v4 or v4a> <seed signature> <chunks in hex, separated by commas> <name:value,name:value... or ->", and writes for
 * each the signatures as they go on the wire: of the chunks, and of the trailer if there is one. An empty chunk is "-".
 */
class Chunks {
    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        StringBuilder out = new StringBuilder();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split(" ");
            AwsSigningAlgorithm algorithm = parts[0].equals("v4") ? AwsSigningAlgorithm.SIGV4 : AwsSigningAlgorithm.SIGV4_ASYMMETRIC;
            byte[] previous = parts[1].getBytes(StandardCharsets.US_ASCII);
            for (String chunk : parts[2].split(",")) {
                AwsSigningConfig config = config(algorithm, AwsSignatureType.HTTP_REQUEST_CHUNK);
                previous = AwsSigner.sign(new Body(hex(chunk.equals("-") ? "" : chunk)), previous, config).get().getSignature();
                out.append(new String(previous, StandardCharsets.US_ASCII)).append(' ');
            }
            if (!parts[3].equals("-")) {
                List<HttpHeader> fields = new ArrayList<>();
                for (String field : parts[3].split(",")) {
                    fields.add(new HttpHeader(field.substring(0, field.indexOf(':')), field.substring(field.indexOf(':') + 1)));
                }
                AwsSigningConfig config = config(algorithm, AwsSignatureType.HTTP_REQUEST_TRAILING_HEADERS);
                out.append(new String(AwsSigner.sign(fields, previous, config).get().getSignature(), StandardCharsets.US_ASCII));
            }
            out.append('\n');
        }
        System.out.print(out);
        System.out.flush();
    }

    private static AwsSigningConfig config(AwsSigningAlgorithm algorithm, AwsSignatureType type) {
        AwsSigningConfig config = new AwsSigningConfig();
        config.setAlgorithm(algorithm);
        config.setSignatureType(type);
        config.setRegion("us-east-1");
        config.setService("s3");
        config.setTime(Instant.parse("2013-05-24T00:00:00Z").toEpochMilli());
        config.setCredentials(new Credentials(bytes("AKIDEXAMPLE"), bytes("a secret of some length"), null));
        return config;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] hex(String text) {
        byte[] found = new byte[text.length() / 2];
        for (int i = 0; i < found.length; i++) {
            found[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
        }
        return found;
    }

    private record Body(ByteBuffer left, byte[] all) implements HttpRequestBodyStream {
        Body(byte[] all) {
            this(ByteBuffer.wrap(all), all);
        }

        @Override
        public boolean sendRequestBody(ByteBuffer out) {
            while (out.hasRemaining() && left.hasRemaining()) {
                out.put(left.get());
            }
            return !left.hasRemaining();
        }

        @Override
        public boolean resetPosition() {
            left.rewind();
            return true;
        }

        @Override
        public long getLength() {
            return all.length;
        }
    }
}
