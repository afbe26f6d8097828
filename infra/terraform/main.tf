# asg-patch by Terraform: uploads a package and deploys its template. All resources are the template's.

locals {
  # Another content has another place, so that CloudFormation sees that the function has changed.
  version = trimspace(file("${var.package}/VERSION"))
  prefix  = "asg-patch/${local.version}-${substr(filesha256("${var.package}/SHA256SUMS"), 0, 12)}/"
  files   = toset(["template.yaml", "function-${var.architecture}.zip"])
}

resource "aws_s3_object" "package" {
  for_each    = local.files
  bucket      = var.bucket
  key         = "${local.prefix}${each.key}"
  source      = "${var.package}/${each.key}"
  source_hash = filesha256("${var.package}/${each.key}")
}

resource "aws_cloudformation_stack" "asg_patch" {
  #checkov:skip=CKV_AWS_124:Who applies sees how the deployment ends; what the stack has to say goes to its own topics.
  name         = var.stack_name
  template_url = "https://${var.bucket}.s3.${var.region}.amazonaws.com/${aws_s3_object.package["template.yaml"].key}"
  capabilities = ["CAPABILITY_NAMED_IAM"]
  tags         = var.tags

  parameters = merge(var.parameters, {
    Architecture   = var.architecture
    ArtifactBucket = var.bucket
    ArtifactPrefix = local.prefix
  })

  depends_on = [aws_s3_object.package]
}
