output "stack" {
  description = "The stack's outputs: StateMachineArn, ReportTopicArn, ..."
  value       = aws_cloudformation_stack.asg_patch.outputs
}
