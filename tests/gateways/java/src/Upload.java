// Uploads a file with the AWS SDK for Java, which signs the chunks of what it streams over plain http.

import java.net.URI;
import java.nio.file.Path;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.retry.RetryMode;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;

public final class Upload {
    public static void main(String[] arguments) {
        String checksums = System.getenv("TRAILER") != null ? "WHEN_SUPPORTED" : "WHEN_REQUIRED";
        try (S3Client s3 = S3Client.builder()
                .endpointOverride(URI.create(arguments[0]))
                .region(Region.of(arguments[1]))
                .forcePathStyle(true)
                .credentialsProvider(StaticCredentialsProvider.create(
                        AwsBasicCredentials.create(System.getenv("KEY_ID"), System.getenv("SECRET"))))
                .requestChecksumCalculation(RequestChecksumCalculation.valueOf(checksums))
                .httpClient(UrlConnectionHttpClient.create())
                .overrideConfiguration(settings -> settings.retryStrategy(RetryMode.STANDARD)
                        .retryStrategy(strategy -> strategy.maxAttempts(1)))
                .build()) {
            s3.putObject(put -> put.bucket(arguments[2]).key(arguments[3]), RequestBody.fromFile(Path.of(arguments[4])));
        }
    }
}
